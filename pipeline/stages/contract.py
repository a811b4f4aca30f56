"""What the three stages have in common: their shape, their progress, and their dead letters."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.domain.message import Message, Origin, StageName, dead_letter
from pipeline.domain.reasons import RejectedReason
from pipeline.stages.ports import Lease, Record, Worker
from pipeline.telemetry.facts import DeadLetterTelemetry

LOOK_AGAIN_SECONDS = 1.0
"""How long to wait at most for something to change before looking again."""


Unit = Literal["partition", "topic"]
"""What one worker of a stage owns: a partition, or a topic with all its partitions."""


class Stage(Protocol):
    """A consumer group that does one thing: ingest, upload or poll.

    Every unit that the group gives us becomes a lease, and the stage puts a worker in it.
    """

    @property
    def name(self) -> StageName: ...

    @property
    def unit(self) -> Unit: ...

    @property
    def topics(self) -> Sequence[str]: ...

    def worker(self, lease: Lease) -> Worker: ...


class Progress:
    """Tells a worker that works from one that hangs.

    `busy` is set while there is work that must move; `advance` whenever something did.
    Waiting that has a known end (a partner's Retry-After, tokens, a blocked lane) is no hang.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock
        self._moved_at = clock()
        self._busy = False

    def advance(self) -> None:
        self._moved_at = self._clock()

    def busy(self, busy: bool) -> None:
        if busy and not self._busy:
            self.advance()
        self._busy = busy

    def stuck_for(self) -> float:
        """Seconds without progress while there was work; 0 when there is none."""
        return self._clock() - self._moved_at if self._busy else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Writes what cannot be carried as dead letters of one stage, and counts them."""

    topic: str
    stage: StageName
    payload: Literal["original", "reference"]
    wall_ms: Callable[[], int]
    telemetry: DeadLetterTelemetry

    def letter(self, lease: Lease, record: Record, reason: RejectedReason, detail: str) -> Message:
        """A dead letter for a message as it was read."""
        origin = Origin(lease.topic, lease.partition, record.offset)
        return self.compose(origin, record.key, record.value, reason, detail)

    def compose(
        self,
        origin: Origin,
        key: bytes | None,
        value: bytes | None,
        reason: RejectedReason,
        detail: str,
    ) -> Message:
        return dead_letter(
            self.topic,
            stage=self.stage,
            reason=reason,
            detail=detail,
            origin=origin,
            key=key,
            value=value,
            written_at_ms=self.wall_ms(),
            payload=self.payload,
        )

    def written(self, reason: RejectedReason, count: int = 1) -> None:
        """Count dead letters once they are durable."""
        self.telemetry.dead_letters_written(stage=self.stage, reason=reason, count=count)


async def until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
