"""What became of each record of one lane: an end, or still waiting, or lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.operations.ledger.paused import NONE_PAUSED, PausedSince

_ACCEPTED: Final = 1
_REFUSED: Final = 2


class LaneView(NamedTuple):
    """The stretch of a lane's topic that is looked at, as offsets."""

    start: int
    """The first one that counts: what was trimmed is gone, and so is what became of it."""
    settled: int
    """Where the group goes on: what lies before has its end, or is paused, or it is lost."""
    end: int
    """Asked for after `settled`, so that what overtook a settled record lies before it."""
    paused: PausedSince = NONE_PAUSED
    """What of it is paused; asked for with `settled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSums:
    """Records of the view, each in exactly one of the first five or in `lost`."""

    prepared: int
    superseded: int
    dead_lettered: int
    accepted: int
    waiting: int
    lost: Sequence[int]
    """Offsets of settled records in no job and no dead letter, without a later change either."""
    repeated: int
    """How often a record was accepted once more: a crash came between the job and its commit."""
    outside: int
    """What jobs took beside that: offsets before or behind the view."""
    unfounded: int
    """Offsets that have an end and no record."""


class LaneRecords:
    """Finds the end of each record in one pass over the lane, in the order of offsets.

    First come the offsets that jobs took and dead letters name, in any order, then the records.
    A settled record in neither was superseded, if a later change of its member stands in the
    lane; otherwise it is lost. (A lost one that was followed by a later change passes for
    superseded: the partner learns the same in both cases, the later change.)

    Memory: a byte an offset of the view, and about 120 bytes for each record that has no end and
    no later change so far. Keys are remembered as 64 bits of hash; of a million different members,
    two share one with a probability of one to forty million.
    """

    def __init__(self, view: LaneView) -> None:
        self._start = view.start
        self._settled = view.settled
        self._paused = view.paused
        self._end = max(view.start, view.end)
        self._marks = bytearray(self._end - view.start)
        self._open: dict[int, int] = {}
        self._prepared = self._superseded = self._waiting = 0
        self._accepted = self._refused = 0
        self._repeated = self._outside = 0

    def take(self, runs: Sequence[range]) -> None:
        """A job took these offsets."""
        for run in runs:
            start, stop = max(run.start, self._start), min(run.stop, self._end)
            self._outside += len(run) - max(0, stop - start)
            if start < stop:
                self._accept(start - self._start, stop - self._start)

    def refuse(self, offset: int) -> None:
        """A dead letter names this offset."""
        if self._start <= offset < self._end:
            self._marks[offset - self._start] |= _REFUSED

    def read(self, offset: int, key: bytes | None) -> None:
        """The next record of the lane."""
        if not self._start <= offset < self._end:
            return
        self._prepared += 1
        member = hash(offset if key is None else key)
        if self._open.pop(member, None) is not None:
            self._superseded += 1
        mark = self._marks[offset - self._start]
        if mark & _ACCEPTED:
            self._accepted += 1
        elif mark & _REFUSED:
            self._refused += 1
        elif offset >= self._settled or self._paused.keeps(offset, key):
            self._waiting += 1
        else:
            self._open[member] = offset

    def sums(self) -> LaneSums:
        """What became of everything read."""
        marked = len(self._marks) - self._marks.count(0)
        return LaneSums(
            prepared=self._prepared,
            superseded=self._superseded,
            dead_lettered=self._refused,
            accepted=self._accepted,
            waiting=self._waiting,
            lost=sorted(self._open.values()),
            repeated=self._repeated,
            outside=self._outside,
            unfounded=marked - self._accepted - self._refused,
        )

    def _accept(self, first: int, stop: int) -> None:
        length = stop - first
        if self._marks.count(0, first, stop) == length:
            self._marks[first:stop] = b"\x01" * length
            return
        for index in range(first, stop):
            self._repeated += self._marks[index] & _ACCEPTED
            self._marks[index] |= _ACCEPTED
