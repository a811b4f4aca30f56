"""Ingest: upstream events in, hashed and ready records out, with the offset in one transaction.

The output of a chunk is bounded. A chunk ends behind a whole event. Only an event that is too large
for one chunk goes out in several: each commits the offset before the event, and the last one the
offset behind it. After a crash in between, the event is carried again from its beginning, right
behind its first parts, which changes nothing.
"""

import asyncio
from collections.abc import Sequence

from pipeline.sources.encodings.schemas import SchemaRegistry
from pipeline.sources.reading import Outcome, Reading, SchemaNeeded
from pipeline.stages.contract import Progress
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.chunk_bound import ChunkBound
from pipeline.stages.ingest.report import ChunkReport
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ingest.transform import Part, Transform
from pipeline.stages.ports import Carried, ChunkWriter, Lease, Record


class IngestWorker:
    """Carries one source partition. Bad events become dead letters; it never stops for one."""

    def __init__(
        self,
        lease: Lease,
        *,
        writer: ChunkWriter,
        transform: Transform,
        limits: TopicLimits,
        bound: ChunkBound,
        report: ChunkReport,
        progress: Progress,
        schemas: SchemaRegistry | None = None,
    ) -> None:
        """`schemas`: the registry of the source, if it has one."""
        self._lease = lease
        self._writer = writer
        self._transform = transform
        self._limits = limits
        self._bound = bound
        self._report = report
        self._schemas = schemas
        self._progress = progress
        self._part: Part | None = None
        self._between_chunks = asyncio.Event()
        self._between_chunks.set()

    async def run(self) -> None:
        """Carry events until cancelled."""
        # In this order: once the former owner is shut out, the committed offset can't move again.
        await self._writer.open()
        start = await self._lease.begin()
        self._lease.settle(start.offset)
        self._progress.busy(True)
        try:
            while True:
                events = await self._lease.fetch(self._bound.events)
                self._progress.advance()
                self._limits.refresh()
                if events:
                    await self._carry_all(events)
        finally:
            self._progress.busy(False)
            self._between_chunks.set()
            await self._writer.close()

    async def drain(self) -> None:
        await self._between_chunks.wait()

    async def _carry_all(self, events: Sequence[Record]) -> None:
        self._between_chunks.clear()
        try:
            if not await self._carry(events):
                # The committed offset shows whether the transaction became durable after all.
                await self._lease.begin()
        finally:
            self._between_chunks.set()

    async def _carry(self, events: Sequence[Record]) -> bool:
        """Carry events in chunks; return False when the last chunk has to be read again."""
        chunk, bound = Chunk(), self._bound
        for event in events:
            reading = self._transform.read(event)
            if isinstance(reading, SchemaNeeded):
                reading = await self._reading(event, reading)
            after = self._part and self._carried_of(event)
            for part in self._transform.event(event, reading, chunk, after=after, most=bound.slice):
                await self._turn(chunk)
                if bound.is_reached(chunk):
                    if not await self._write(chunk, event.offset):
                        return False
                    self._part = part
            if chunk.work >= bound.slice:
                await self._turn(chunk)
                if bound.is_reached(chunk) and not await self._write(chunk, event.offset + 1):
                    return False
        return not chunk.counts.events or await self._write(chunk, events[-1].offset + 1)

    async def _reading(self, event: Record, outcome: Outcome) -> Reading:
        """Return what the event says; wait for its schema, however long that takes."""
        while isinstance(outcome, SchemaNeeded):
            assert self._schemas is not None
            await self._schemas.fetch(outcome.schema_id, self._progress.advance)
            outcome = self._transform.read(event)
        return outcome

    def _carried_of(self, event: Record) -> Part | None:
        """Return how much of the event is durable; None for an event that no chunk has cut."""
        part = self._part
        return part if part is not None and part.offset == event.offset else None

    async def _turn(self, chunk: Chunk) -> None:
        """Let other tasks of the event loop go on."""
        chunk.work = 0
        await asyncio.sleep(0)
        self._progress.advance()

    async def _write(self, chunk: Chunk, next_offset: int) -> bool:
        """Make the chunk durable and empty it; return False when it may not be durable."""
        carried = await self._writer.carry(chunk.outgoing, chunk.letters, next_offset)
        if carried != "durable":
            self._learn(carried, chunk)
            return False
        self._bound.passed()
        self._lease.settle(next_offset)
        self._report.tell(self._lease.topic, chunk)
        chunk.empty()
        self._part = None
        return True

    def _learn(self, carried: Carried, chunk: Chunk) -> None:
        """Halve chunks that were too much, until a single message is known to be too large."""
        if carried == "too_large" and (only := chunk.only_one()) is not None:
            self._limits.refused(*only)
            self._bound.restore()
        elif carried != "failed":
            self._bound.halve()
