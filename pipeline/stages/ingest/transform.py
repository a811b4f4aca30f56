"""One event in, records for lanes and dead letters out; a wide event in several parts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.identity.hashing import HashOnce, each_of, once_for
from pipeline.sources.reading import Outcome, Read, Reading
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk import WORK_BITS, Chunk
from pipeline.stages.ingest.lane_records import LaneRecords, failed
from pipeline.stages.ingest.rejections import Rejections, copied, letters, note
from pipeline.stages.ingest.route import Route, Routes
from pipeline.stages.ports import Lease, Record

Item = MembershipChange | Rejected
"""What an event states of one audience, or what of it cannot be read."""

_NOWHERE: Final = (None,)
"""The routes of an item that has none: to find that out is a step, too."""
_NOBODY: Final = each_of(())

_IDENTITY_BITS: Final = 3
"""Eight identities are as much work as one usual record."""

_NO_AUDIENCE: Final = Rejected(
    "unknown_audience", "no audience is configured; add one under audiences"
)
_NOT_CONFIGURED: Final = "no audience of this name is configured; add it under audiences"


@dataclass(frozen=True, slots=True)
class Part:
    """How far an event has come: so many of its steps, and what was rejected in them.

    A step is one route of one item.
    """

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
    ) -> Iterable[Part]:
        """Put what the event becomes into the chunk; with `after`, what comes behind that part.

        After every `most` records or so it yields how far it has come, and the chunk may be made
        durable and emptied there. Its dead letters come at the end, with its last records.
        """
        if isinstance(reading, Ignored):
            chunk.counts.ignored[reading.reason] += 1
            chunk.end_event((), 1)
            return ()
        items = (reading,) if isinstance(reading, Rejected) else reading
        rejections: Rejections = {} if after is None else copied(after.rejections)
        return self._parts(event, items, rejections, chunk, after.steps if after else 0, most)

    def _parts(
        self,
        event: Record,
        items: Sequence[Item],
        rejections: Rejections,
        chunk: Chunk,
        done: int,
        most: int,
    ) -> Iterator[Part]:
        step, work = 0, len(event.value or b"") >> WORK_BITS
        for item in items:
            routes, hash_once, weight = self._way(item)
            for route in routes:
                step += 1
                if step <= done:
                    continue
                if work >= most:
                    yield Part(event.offset, step - 1, copied(rejections))
                    work = 0
                added = self._take(item, hash_once, route, event.offset, chunk)
                work += weight
                if isinstance(added, Rejected):
                    note(rejections, added)
                else:
                    work += added >> WORK_BITS
        if rejections:
            if work >= most:
                yield Part(event.offset, step, copied(rejections))
            self._reject(event, rejections, chunk)
        chunk.end_event(items, work + 1)

    def _way(self, item: Item) -> tuple[Sequence[Route | None], HashOnce, int]:
        """Where it goes, what hashes it for all of these, and how much work each of them is."""
        if isinstance(item, Rejected):
            return _NOWHERE, _NOBODY, 1
        routes, identities = self._routes.of(item.audience), item.identities
        hash_once = each_of(identities) if len(routes) == 1 else once_for(identities)
        return routes or _NOWHERE, hash_once, 1 + (len(identities) >> _IDENTITY_BITS)

    def _take(
        self, item: Item, hash_once: HashOnce, route: Route | None, offset: int, chunk: Chunk
    ) -> int | Rejected:
        """Take one step; returns the bytes of its record, or why there is none."""
        if isinstance(item, Rejected):
            return item
        if route is None:
            return _unknown_audience(item)
        return self._records.add(item, hash_once, route, offset, chunk)

    def _reject(self, event: Record, rejections: Rejections, chunk: Chunk) -> None:
        for said, count in letters(rejections):
            letter = self._letters.letter(self._lease, event, said.reason, said.detail, said.quoted)
            chunk.reject(said.reason, count, letter)


def _unknown_audience(change: MembershipChange) -> Rejected:
    if change.audience is None:
        return _NO_AUDIENCE
    return Rejected("unknown_audience", _NOT_CONFIGURED, repr(change.audience[:100]))
