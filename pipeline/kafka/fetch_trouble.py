"""Logs and counts the failures to read one partition, and remembers the last one."""

from collections.abc import Callable

import structlog
from aiokafka import TopicPartition

from pipeline.telemetry.facts import KafkaTelemetry

LASTS_SECONDS = 10.0
"""After so long without another failure the partition counts as readable."""
SAY_AGAIN_SECONDS = 60.0

log = structlog.get_logger(__name__)


class FetchTrouble:
    """The failures of one partition."""

    def __init__(
        self, tp: TopicPartition, telemetry: KafkaTelemetry, clock: Callable[[], float]
    ) -> None:
        self._tp = tp
        self._telemetry = telemetry
        self._clock = clock
        self._failed_at: float | None = None
        self._said_at: float | None = None

    @property
    def is_recent(self) -> bool:
        """Whether reading the partition has failed a moment ago."""
        return self._failed_at is not None and self._clock() - self._failed_at < LASTS_SECONDS

    def note(self, error: type[Exception], offset: int | None) -> None:
        """Count a failure, and log it at most once a minute."""
        now = self._clock()
        self._failed_at = now
        self._telemetry.fetch_failed(
            topic=self._tp.topic, partition=self._tp.partition, reason=error.__name__
        )
        if self._said_at is None or now - self._said_at >= SAY_AGAIN_SECONDS:
            self._said_at = now
            log.warning(
                "partition cannot be read",
                topic=self._tp.topic,
                partition=self._tp.partition,
                offset=offset,
                error=error.__name__,
            )
