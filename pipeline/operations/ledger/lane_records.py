"""Finds the end of each record of one lane: superseded, taken by a job, still waiting, or lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.operations.ledger.paused import NONE_PAUSED, PausedSince

_ACCEPTED: Final = 1
_REFUSED: Final = 2


class LaneView(NamedTuple):
    """The range of a lane's topic that is counted, as offsets."""

    start: int
    """The first offset that counts; trimmed records before it are gone, and so is their end."""
    settled: int
    """The committed offset: a record before it has its end, or is paused, or is lost."""
    end: int
    """The end of the range; read after `settled`, so that it includes later changes of settled
    records."""
    paused: PausedSince = NONE_PAUSED
    """The paused audiences of the lane, from the same commit as `settled`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSums:
    """The sums of a view; each record is in exactly one of the first five or in `lost`."""

    prepared: int
    superseded: int
    dead_lettered: int
    accepted: int
    waiting: int
    lost: Sequence[int]
    """Offsets of settled records without a job, a dead letter or a later change."""
    repeated: int
    """Records accepted again, because a crash came between the job and its commit."""
    outside: int
    """Records of jobs at offsets before or after the view."""
    unfounded: int
    """Offsets with a job or a dead letter, but without a record."""


class LaneRecords:
    """Finds the end of each record in one pass over the lane, in the order of offsets.

    Call `take` and `refuse` first, in any order, then `read` for each record. A settled record that
    is in no job and no dead letter is superseded if the lane has a later change of its member;
    otherwise it is lost. (A lost record with a later change also counts as superseded, because the
    partner gets the later change in both cases.)

    Memory: one byte for each offset of the view, and about 120 bytes for each record that has no
    end and no later change so far. Keys are stored as 64 bits of hash: among a million members, two
    share a hash with a probability of one to forty million.
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
        """Take the offsets of a job."""
        for run in runs:
            start, stop = max(run.start, self._start), min(run.stop, self._end)
            self._outside += len(run) - max(0, stop - start)
            if start < stop:
                self._accept(start - self._start, stop - self._start)

    def refuse(self, offset: int) -> None:
        """Take the offset of a dead letter."""
        if self._start <= offset < self._end:
            self._marks[offset - self._start] |= _REFUSED

    def read(self, offset: int, key: bytes | None) -> None:
        """Take the next record of the lane."""
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
        """The sums of all records that were read."""
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
