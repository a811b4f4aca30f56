"""The contiguous tracker: the offset up to which everything has been settled."""

from collections import deque


class OffsetTracker:
    """Follows one partition from its first admitted offset; never passes an open one.

    Offsets are admitted in rising order, with gaps (transactions leave some), and settled in any
    order. Reading a stretch again is allowed: what is settled stays so.
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
        """How many offsets are remembered: those from the first open one on."""
        return len(self._pending)

    @property
    def is_clear(self) -> bool:
        """Whether everything admitted has been settled."""
        return not self._pending

    def admit(self, offset: int) -> bool:
        """Take note of a record; False if it has been settled already and needs no work."""
        if offset < self._committable or offset in self._settled:
            return False
        if offset >= self._next:
            self._pending.append(offset)
            self._next = offset + 1
        return True

    def settle(self, offset: int) -> None:
        """Take note that nothing is left to do for this record, if it has been admitted."""
        if not self._committable <= offset < self._next:
            return
        self._settled.add(offset)
        while self._pending and self._pending[0] in self._settled:
            self._settled.remove(self._pending.popleft())
        self._committable = self._pending[0] if self._pending else self._next
