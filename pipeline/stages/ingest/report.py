"""Reports the counts of a chunk, once it is durable."""

from collections.abc import Callable

from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import Chunk
from pipeline.telemetry.facts import IngestTelemetry


class ChunkReport:
    """Reports counts to telemetry: one call for each kind and chunk, not for each record."""

    def __init__(
        self, *, telemetry: IngestTelemetry, letters: DeadLetters, wall_ms: Callable[[], int]
    ) -> None:
        self._telemetry = telemetry
        self._letters = letters
        self._wall_ms = wall_ms

    def tell(self, source: str, chunk: Chunk) -> None:
        """Report a chunk of this upstream topic."""
        telemetry, counts = self._telemetry, chunk.counts
        telemetry.events_consumed(source=source, count=counts.events)
        for action, count in counts.changes.items():
            telemetry.changes_read(source=source, action=action, count=count)
        for ignored, count in counts.ignored.items():
            telemetry.events_ignored(source=source, reason=ignored, count=count)
        for rejected, count in counts.rejected.items():
            telemetry.changes_rejected(source=source, reason=rejected, count=count)
        for rejected, count in counts.letters.items():
            self._letters.written(rejected, count)
        for (destination, why), count in counts.withheld.items():
            telemetry.changes_withheld(destination=destination, reason=why, count=count)
        self._tell_prepared(chunk)

    def _tell_prepared(self, chunk: Chunk) -> None:
        prepared = 0
        for partition, records in chunk.outgoing.items():
            prepared += len(records)
            lane = chunk.counts.lanes[partition]
            self._telemetry.records_prepared(lane=lane, count=len(records))
        if chunk.counts.oldest_ms is not None:
            waited = max(0.0, (self._wall_ms() - chunk.counts.oldest_ms) / 1000)
            self._telemetry.freshness(stage="ingest", seconds=waited, count=prepared)
