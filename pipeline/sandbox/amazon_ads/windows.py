"""How many records a target received in the last hour, exactly, and the most there ever were."""

from collections import deque


class ArrivalWindow:
    """Counts records in the half-open window (now - length, now], at every arrival.

    The fullest window of all ends at an arrival, so looking at each arrival misses none.
    Times must not go backwards.
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._arrivals: deque[tuple[float, int]] = deque()
        self._current = 0
        self.largest = 0
        self.total = 0

    def add(self, count: int, now: float) -> int:
        """Count an arrival; return what the window that ends with it holds."""
        self._arrivals.append((now, count))
        self._current += count
        self.total += count
        held = self.current(now)
        self.largest = max(self.largest, held)
        return held

    def current(self, now: float) -> int:
        while self._arrivals and self._arrivals[0][0] <= now - self._length:
            self._current -= self._arrivals.popleft()[1]
        return self._current
