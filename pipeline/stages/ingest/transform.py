"""One event in, records for lanes and dead letters out; a wide event in several parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.identity.hashing import HashOnce, once_for
from pipeline.sources.audiences import unknown
from pipeline.sources.reading import Outcome, Read, Reading
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import WORK_BITS, Chunk
from pipeline.stages.ingest.lane_records import LaneRecords, failed
from pipeline.stages.ingest.member_records import MemberRecords
from pipeline.stages.ingest.rejections import Rejections, copied, letters, note
from pipeline.stages.ingest.route import AnyRoute, Route, Routes
from pipeline.stages.ports import Lease, Record

_NOWHERE: Final = (None,)
"""The routes of a change without a route. It also takes one step."""

_IDENTITY_BITS: Final = 3
"""Eight identities count as much work as one usual record."""

_NO_AUDIENCE: Final = Rejected(
    "unknown_audience", "no audience is configured; add one under audiences"
)


@dataclass(frozen=True, slots=True)
class Part:
    """How far the work on an event has come: the number of steps done, and their rejections.

    A step is one route of one change.
    """

    offset: int
    steps: int
    rejections: Rejections


class Transform:
    """Turns the events of one source partition into records and dead letters.

    No content of an event makes it raise, and it waits for nothing.
    """

    def __init__(
        self,
        *,
        lease: Lease,
        read: Read,
        routes: Routes,
        records: LaneRecords,
        members: MemberRecords,
        letters: DeadLetters,
    ) -> None:
        self._lease = lease
        self._read = read
        self._routes = routes
        self._records = records
        self._members = members
        self._letters = letters

    def read(self, event: Record) -> Outcome:
        """Return what the event says, or the schema that is needed to read it."""
        try:
            return self._read(event)
        except Exception as error:  # noqa: BLE001 - one event must not stop the others
            return failed("reading", error)

    def event(
        self, event: Record, reading: Reading, chunk: Chunk, *, after: Part | None, most: int
    ) -> Iterable[Part]:
        """Put the records of the event into the chunk; with `after`, only those behind that part.

        After about `most` records it yields how far it has come. The caller may then make the chunk
        durable and empty it. The dead letters of the event come at the end, with its last records.
        """
        if isinstance(reading, Ignored):
            chunk.counts.ignored[reading.reason] += 1
            chunk.end_event((), 1)
            return ()
        parts = (reading,) if isinstance(reading, Rejected) else reading
        rejections: Rejections = {} if after is None else copied(after.rejections)
        changes: list[MembershipChange] = []
        for part in parts:
            if not isinstance(part, Rejected):
                changes.append(part)
            elif after is None:
                note(rejections, part)
        return self._parts(event, changes, rejections, chunk, after.steps if after else 0, most)

    def _parts(
        self,
        event: Record,
        changes: Sequence[MembershipChange],
        rejections: Rejections,
        chunk: Chunk,
        done: int,
        most: int,
    ) -> Iterator[Part]:
        step, work = 0, len(event.value or b"") >> WORK_BITS
        number = -1  # no enumerate: nearly every event has one change, and it costs a hundredth
        for change in changes:
            number += 1
            weight = 1 + (len(change.identities) >> _IDENTITY_BITS)
            routes = self._routes.of(change.audience)
            hash_once = once_for(change.identities) if len(routes) > 1 else None
            for route in routes or _NOWHERE:
                step += 1
                if step <= done:
                    continue
                if work >= most:
                    yield Part(event.offset, step - 1, copied(rejections))
                    work = 0
                added = self._take(change, number, hash_once, route, event, chunk, rejections)
                work += weight + added
        if rejections:
            if work >= most:
                yield Part(event.offset, step, copied(rejections))
            self._reject(event, rejections, chunk)
        chunk.end_event(changes, work + 1)

    def _take(
        self,
        change: MembershipChange,
        number: int,
        hash_once: HashOnce | None,
        route: AnyRoute | None,
        event: Record,
        chunk: Chunk,
        rejections: Rejections,
    ) -> int:
        """Do one step; return the work that its bytes count for."""
        if type(route) is Route:
            added = self._records.add(change, hash_once, route, event.offset, chunk)
        elif route is None:
            note(rejections, _unknown_audience(change))
            return 0
        else:
            added = self._members.add(change, hash_once, route, event, number, chunk)
        if isinstance(added, int):
            return added >> WORK_BITS
        note(rejections, added)
        return 0

    def _reject(self, event: Record, rejections: Rejections, chunk: Chunk) -> None:
        for said, count in letters(rejections):
            letter = self._letters.letter(self._lease, event, said.reason, said.detail, said.quoted)
            chunk.reject(said.reason, count, letter)


def _unknown_audience(change: MembershipChange) -> Rejected:
    if change.audience is None:
        return _NO_AUDIENCE
    return unknown(change.audience)
