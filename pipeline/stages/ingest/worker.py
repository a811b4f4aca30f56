"""Ingest: upstream events in, hashed and ready records out, with the offset in one transaction."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.destinations.contract import Render
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.lane_record import encode_header, member_key
from pipeline.domain.message import Message
from pipeline.domain.reasons import (
    Ignored,
    IgnoredReason,
    Rejected,
    RejectedReason,
    Rendered,
    Withheld,
    WithheldReason,
)
from pipeline.identity.hashing import each_of, once_for
from pipeline.sources.encodings.schemas import SchemaRegistry
from pipeline.sources.reading import Outcome, Read, Reading, SchemaNeeded
from pipeline.stages.contract import DeadLetters, Progress
from pipeline.stages.ports import ChunkWriter, Lease, OutgoingRecord, Record
from pipeline.telemetry.facts import IngestTelemetry, LaneLabel

SLICE_RECORDS = 250
"""Transformed between two looks at the event loop, about 5 ms: a tight cap must not wait longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One destination of an audience."""

    lane: LaneLabel
    topic: str
    audience_id: str
    route: bytes
    """What the partner's package writes for itself into every record."""
    render: Render


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestDesk:
    """What all source partitions share."""

    routes: Mapping[str, Sequence[Route]]
    letters: DeadLetters
    telemetry: IngestTelemetry
    wall_ms: Callable[[], int]
    chunk_records: int


@dataclass(slots=True)
class _Chunk:
    """What a stretch of events became; its counts are told once it is durable."""

    outgoing: dict[str, list[OutgoingRecord]] = field(default_factory=lambda: defaultdict(list))
    letters: list[Message] = field(default_factory=list)
    changes: Counter[Action] = field(default_factory=Counter)
    ignored: Counter[IgnoredReason] = field(default_factory=Counter)
    rejected: Counter[RejectedReason] = field(default_factory=Counter)
    withheld: Counter[tuple[str, WithheldReason]] = field(default_factory=Counter)
    prepared: Counter[LaneLabel] = field(default_factory=Counter)
    oldest_ms: int | None = None


class IngestWorker:
    """Carries one source partition. Bad events become dead letters; it never stops for one."""

    def __init__(
        self,
        lease: Lease,
        *,
        writer: ChunkWriter,
        read: Read,
        desk: IngestDesk,
        progress: Progress,
        schemas: SchemaRegistry | None = None,
    ) -> None:
        """`schemas` is the registry of a source that has one."""
        self._lease = lease
        self._writer = writer
        self._read = read
        self._schemas = schemas
        self._desk = desk
        self._progress = progress
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
                records = await self._lease.fetch(self._desk.chunk_records)
                self._progress.advance()
                if records:
                    await self._carry(records)
        finally:
            self._progress.busy(False)
            self._between_chunks.set()
            await self._writer.close()

    async def drain(self) -> None:
        await self._between_chunks.wait()

    async def _carry(self, records: Sequence[Record]) -> None:
        self._between_chunks.clear()
        try:
            chunk = await self._transform(records)
            following = records[-1].offset + 1
            if not await self._writer.carry(chunk.outgoing, chunk.letters, following):
                # Whether the transaction came through after all, the committed offset knows.
                await self._lease.begin()
                return
            self._lease.settle(following)
            self._tell(chunk, len(records))
        finally:
            self._between_chunks.set()

    async def _transform(self, records: Sequence[Record]) -> _Chunk:
        chunk = _Chunk()
        for start in range(0, len(records), SLICE_RECORDS):
            for record in records[start : start + SLICE_RECORDS]:
                reading = self._read(record)
                while isinstance(reading, SchemaNeeded):
                    reading = await self._with_schema(record, reading)
                self._event(record, reading, chunk)
            await asyncio.sleep(0)
        return chunk

    async def _with_schema(self, record: Record, needed: SchemaNeeded) -> Outcome:
        """Read again once the registry has said what the schema is, however long that takes."""
        assert self._schemas is not None
        await self._schemas.fetch(needed.schema_id, self._progress.advance)
        return self._read(record)

    def _event(self, record: Record, reading: Reading, chunk: _Chunk) -> None:
        if isinstance(reading, Ignored):
            chunk.ignored[reading.reason] += 1
        elif isinstance(reading, Rejected):
            self._reject(record, reading, chunk)
        else:
            for part in reading:
                if isinstance(part, Rejected):
                    self._reject(record, part, chunk)
                else:
                    self._change(record, part, chunk)

    def _change(self, record: Record, change: MembershipChange, chunk: _Chunk) -> None:
        chunk.changes[change.action] += 1
        routes = self._routes(change.audience)
        if not routes:
            self._reject(record, _unknown_audience(change), chunk)
        hashes_for = each_of if len(routes) == 1 else once_for
        hash_once = hashes_for(change.identities)
        for route in routes:
            match route.render(change, hash_once):
                case Rendered(member, value):
                    key = member_key(route.audience_id, member)
                    headers = encode_header(
                        change.action,
                        change.occurred_at_ms,
                        route.route,
                        self._lease.partition,
                        record.offset,
                    )
                    chunk.outgoing[route.topic].append(OutgoingRecord(key, value, headers))
                    chunk.prepared[route.lane] += 1
                    if chunk.oldest_ms is None or change.occurred_at_ms < chunk.oldest_ms:
                        chunk.oldest_ms = change.occurred_at_ms
                case Withheld(reason):
                    chunk.withheld[route.lane.destination, reason] += 1
                case Rejected() as rejected:
                    self._reject(record, rejected, chunk)

    def _routes(self, audience: str | None) -> Sequence[Route]:
        if audience is None:
            return [route for routes in self._desk.routes.values() for route in routes]
        return self._desk.routes.get(audience, ())

    def _reject(self, record: Record, rejected: Rejected, chunk: _Chunk) -> None:
        chunk.rejected[rejected.reason] += 1
        letter = self._desk.letters.letter(self._lease, record, rejected.reason, rejected.detail)
        chunk.letters.append(letter)

    def _tell(self, chunk: _Chunk, events: int) -> None:
        telemetry, source = self._desk.telemetry, self._lease.topic
        telemetry.events_consumed(source=source, count=events)
        for action, count in chunk.changes.items():
            telemetry.changes_read(source=source, action=action, count=count)
        for ignored, count in chunk.ignored.items():
            telemetry.events_ignored(source=source, reason=ignored, count=count)
        for rejected, count in chunk.rejected.items():
            telemetry.changes_rejected(source=source, reason=rejected, count=count)
            self._desk.letters.written(rejected, count)
        for (destination, why), count in chunk.withheld.items():
            telemetry.changes_withheld(destination=destination, reason=why, count=count)
        for lane, count in chunk.prepared.items():
            telemetry.records_prepared(lane=lane, count=count)
        if chunk.oldest_ms is not None:
            waited = max(0.0, (self._desk.wall_ms() - chunk.oldest_ms) / 1000)
            telemetry.freshness(stage="ingest", seconds=waited, count=chunk.prepared.total())


def _unknown_audience(change: MembershipChange) -> Rejected:
    if change.audience is None:
        return Rejected("unknown_audience", "no audience is configured; add one under audiences:")
    return Rejected(
        "unknown_audience",
        f"audience '{change.audience[:200]}' is not configured; add it under audiences:",
    )
