"""One event in, records for lanes and dead letters out; a wide event in several parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected, Withheld
from pipeline.identity.hashing import HashOnce, each_of, once_for
from pipeline.sources.reading import Outcome, Read, Reading
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.lane_records import LaneRecords, failed
from pipeline.stages.ingest.rejections import Rejections
from pipeline.stages.ingest.route import Route, Routes
from pipeline.stages.ports import Lease, Record

Step = tuple[MembershipChange, HashOnce, Route | None]
"""One route of one change, with what hashes its identities; or a change that has no route."""

_WORK_BITS: Final = 12
"""4 kB of an event or of a record are as much work as one usual record,"""
_IDENTITY_BITS: Final = 3
"""and so are eight identities."""

_NO_AUDIENCE: Final = Rejected(
    "unknown_audience", "no audience is configured; add one under audiences"
)
_NOT_CONFIGURED: Final = "no audience of this name is configured; add it under audiences"


@dataclass(frozen=True, slots=True)
class Part:
    """How far an event has come: so many of its steps, and what was rejected in them."""

    offset: int
    steps: int
    rejections: Rejections


class Transform:
    """Turns the events of one source partition into records and dead letters.

    Nothing that an event holds raises. It waits for nothing.
    """

    def __init__(
        self,
        *,
        lease: Lease,
        read: Read,
        routes: Routes,
        records: LaneRecords,
        letters: DeadLetters,
    ) -> None:
        self._lease = lease
        self._read = read
        self._routes = routes
        self._records = records
        self._letters = letters

    def read(self, event: Record) -> Outcome:
        """What the event says, or the schema that is needed to know it."""
        try:
            return self._read(event)
        except Exception as error:  # noqa: BLE001 - one event must not stop the others
            return failed("reading", error)

    def event(
        self, event: Record, reading: Reading, chunk: Chunk, *, after: Part | None, most: int
    ) -> Iterator[Part]:
        """Put what the event becomes into the chunk; with `after`, what comes behind that part.

        After every `most` records or so it yields how far it has come, and the chunk may be made
        durable and emptied there. Its dead letters come at the end, with its last records.
        """
        if isinstance(reading, Ignored):
            chunk.counts.ignored[reading.reason] += 1
            return
        parts = (reading,) if isinstance(reading, Rejected) else reading
        changes = [part for part in parts if not isinstance(part, Rejected)]
        rejections = _noted(parts) if after is None else after.rejections.copy()
        step, work = 0 if after is None else after.steps, len(event.value or b"") >> _WORK_BITS
        for change, hash_once, route in islice(self._steps(changes), step, None):
            if work >= most:
                yield Part(event.offset, step, rejections.copy())
                work = 0
            step += 1
            work += self._take(change, hash_once, route, event.offset, chunk, rejections)
        if rejections and work >= most:
            yield Part(event.offset, step, rejections.copy())
        self._finish(event, changes, rejections, chunk)
        chunk.work += work + 1

    def _steps(self, changes: Sequence[MembershipChange]) -> Iterator[Step]:
        for change in changes:
            routes = self._routes.of(change.audience)
            hash_once = (each_of if len(routes) == 1 else once_for)(change.identities)
            if not routes:
                yield change, hash_once, None
            for route in routes:
                yield change, hash_once, route

    def _take(
        self,
        change: MembershipChange,
        hash_once: HashOnce,
        route: Route | None,
        offset: int,
        chunk: Chunk,
        rejections: Rejections,
    ) -> int:
        """Take one step; returns how much work it was, in usual records."""
        if route is None:
            rejections.note(_unknown_audience(change))
            return 1
        added = self._records.add(change, hash_once, route, offset, chunk)
        work = 1 + (len(change.identities) >> _IDENTITY_BITS)
        if isinstance(added, int):
            return work + (added >> _WORK_BITS)
        if isinstance(added, Withheld):
            chunk.counts.withheld[route.lane.destination, added.reason] += 1
        else:
            rejections.note(added)
        return work

    def _finish(
        self,
        event: Record,
        changes: Sequence[MembershipChange],
        rejections: Rejections,
        chunk: Chunk,
    ) -> None:
        """The last part of an event counts it, and says what of it could not be carried."""
        for change in changes:
            chunk.counts.changes[change.action] += 1
        for said, count in rejections.letters():
            letter = self._letters.letter(self._lease, event, said.reason, said.detail, said.quoted)
            chunk.reject(said.reason, count, letter)


def _noted(parts: Sequence[MembershipChange | Rejected]) -> Rejections:
    rejections = Rejections()
    for part in parts:
        if isinstance(part, Rejected):
            rejections.note(part)
    return rejections


def _unknown_audience(change: MembershipChange) -> Rejected:
    if change.audience is None:
        return _NO_AUDIENCE
    return Rejected("unknown_audience", _NOT_CONFIGURED, repr(change.audience[:100]))
