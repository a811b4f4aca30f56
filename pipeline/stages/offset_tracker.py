"""Finds the offset up to which all records are settled, though they settle in any order."""

from collections import deque


class OffsetTracker:
    """Tracks the offsets of one partition; `committable` never passes an open offset.

    Offsets are admitted in rising order, with gaps (transactions leave some), and settled in any
    order. Records may be read again: a settled offset stays settled.
    """

    def __init__(self, start: int) -> None:
        self._committable = start
        self._next = start
        self._pending: deque[int] = deque()
        self._settled: set[int] = set()

    @property
    def committable(self) -> int:
        """The offset to commit: the first one that has not been settled."""
        return self._committable

    @property
    def next(self) -> int:
        """The offset after the highest admitted one."""
        return self._next

    @property
    def span(self) -> int:
        """How many offsets are remembered, from the first open one on."""
        return len(self._pending)

    @property
    def is_clear(self) -> bool:
        """Whether everything admitted has been settled."""
        return not self._pending

    def admit(self, offset: int) -> bool:
        """Note a record; return False if it is settled already and needs no work."""
        if offset < self._committable or offset in self._settled:
            return False
        if offset >= self._next:
            self._pending.append(offset)
            self._next = offset + 1
        return True

    def settle(self, offset: int) -> None:
        """Note that this record needs no more work; ignored for a record that was not admitted."""
        if not self._committable <= offset < self._next:
            return
        self._settled.add(offset)
        while self._pending and self._pending[0] in self._settled:
            self._settled.remove(self._pending.popleft())
        self._committable = self._pending[0] if self._pending else self._next
