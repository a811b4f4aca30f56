"""Makes, counts and logs the dead letters of a stage."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import structlog

from pipeline.domain.message import (
    LARGEST_LETTER_BYTES,
    LETTER_HEADER_BYTES,
    Message,
    Origin,
    StageName,
    dead_letter,
)
from pipeline.domain.reasons import RejectedReason
from pipeline.stages.ports import USUAL_LIMITS, Lease, Record, RecordLimits
from pipeline.telemetry.facts import DeadLetterTelemetry

LOG_SECONDS = 60.0

log = structlog.get_logger(__name__)


class DeadLetterLog:
    """Logs at most one line a minute for each reason, with the count since the last line.

    The first dead letter of a reason is logged at once. All others of that minute are logged
    together at its end, so that the counts of all lines add up.
    """

    def __init__(self, seconds: float = LOG_SECONDS) -> None:
        self._seconds = seconds
        self._untold: dict[tuple[StageName, RejectedReason], int] = {}

    def note(self, stage: StageName, reason: RejectedReason, count: int) -> None:
        """Note `count` durable dead letters; needs a running event loop."""
        kind = (stage, reason)
        if kind in self._untold:
            self._untold[kind] += count
        elif count:
            self._tell(kind, count)

    def _tell(self, kind: tuple[StageName, RejectedReason], count: int) -> None:
        stage, reason = kind
        log.warning("dead letters", stage=stage, reason=reason, count=count)
        self._untold[kind] = 0
        asyncio.get_running_loop().call_later(self._seconds, self._minute_over, kind)

    def _minute_over(self, kind: tuple[StageName, RejectedReason]) -> None:
        count = self._untold.pop(kind)
        if count:
            self._tell(kind, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Makes the dead letters of one stage, and counts them."""

    topic: str
    stage: StageName
    payload: Literal["original", "reference"]
    wall_ms: Callable[[], int]
    telemetry: DeadLetterTelemetry
    limits: RecordLimits = USUAL_LIMITS
    log: DeadLetterLog = field(default_factory=DeadLetterLog)

    def letter(
        self, lease: Lease, record: Record, reason: RejectedReason, detail: str, quoted: str = ""
    ) -> Message:
        """Make a dead letter for a message as it was read."""
        origin = Origin(lease.topic, lease.partition, record.offset)
        return self.compose(origin, record.key, record.value, reason, detail, quoted)

    def compose(
        self,
        origin: Origin,
        key: bytes | None,
        value: bytes | None,
        reason: RejectedReason,
        detail: str,
        quoted: str = "",
    ) -> Message:
        """Make a dead letter that its topic accepts, whatever the size of key and value.

        `detail` holds only our own words. `quoted` holds words of the message itself, which are
        left out where only a reference may be kept.
        """
        largest = self.limits.largest_record(self.topic) - LETTER_HEADER_BYTES
        return dead_letter(
            self.topic,
            stage=self.stage,
            reason=reason,
            detail=detail,
            quoted=quoted,
            origin=origin,
            key=key,
            value=value,
            written_at_ms=self.wall_ms(),
            payload=self.payload,
            largest=max(0, min(LARGEST_LETTER_BYTES, largest)),
        )

    def written(self, reason: RejectedReason, count: int = 1) -> None:
        """Count dead letters once they are durable."""
        self.telemetry.dead_letters_written(stage=self.stage, reason=reason, count=count)
        self.log.note(self.stage, reason, count)
