"""One event in, records for lanes and dead letters out; a wide event in several parts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected, Withheld
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import Chunk
from pipeline.stages.ingest.lane_records import LaneRecords, failed
from pipeline.stages.ingest.rejections import Rejections
from pipeline.stages.ingest.route import Route, Routes
from pipeline.stages.ports import Lease, Record

Reading = Sequence[MembershipChange] | Ignored | Rejected
Read = Callable[[bytes | None], Reading]
Step = tuple[MembershipChange, Route | None]
"""One route of one change, or a change that has none."""

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

    def event(
        self, event: Record, chunk: Chunk, *, after: Part | None, most: int
    ) -> Iterator[Part]:
        """Put what the event becomes into the chunk; with `after`, what comes behind that part.

        After every `most` records or so it yields how far it has come, and the chunk may be made
        durable and emptied there. Its dead letters come at the end, with its last records.
        """
        reading = self._reading(event)
        if isinstance(reading, Ignored):
            chunk.counts.ignored[reading.reason] += 1
            return
        rejections = Rejections() if after is None else after.rejections.copy()
        if isinstance(reading, Rejected):
            rejections.note(reading)
            reading = ()
        step, work = 0 if after is None else after.steps, len(event.value or b"") >> _WORK_BITS
        for change, route in islice(self._steps(reading), step, None):
            if work >= most:
                yield Part(event.offset, step, rejections.copy())
                work = 0
            step += 1
            work += self._take(change, route, event.offset, chunk, rejections)
        if rejections and work >= most:
            yield Part(event.offset, step, rejections.copy())
        self._finish(event, reading, rejections, chunk)
        chunk.work += work + 1

    def _reading(self, event: Record) -> Reading:
        try:
            return self._read(event.value)
        except Exception as error:  # noqa: BLE001 - one event must not stop the others
            return failed("reading", error)

    def _steps(self, changes: Sequence[MembershipChange]) -> Iterator[Step]:
        for change in changes:
            routes = self._routes.of(change.audience)
            if not routes:
                yield change, None
            for route in routes:
                yield change, route

    def _take(
        self,
        change: MembershipChange,
        route: Route | None,
        offset: int,
        chunk: Chunk,
        rejections: Rejections,
    ) -> int:
        """Take one step; returns how much work it was, in usual records."""
        if route is None:
            rejections.note(_unknown_audience(change))
            return 1
        added = self._records.add(change, route, offset, chunk)
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


def _unknown_audience(change: MembershipChange) -> Rejected:
    if change.audience is None:
        return _NO_AUDIENCE
    return Rejected("unknown_audience", _NOT_CONFIGURED, repr(change.audience[:100]))
