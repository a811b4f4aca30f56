"""Counts exactly how many records a target got in the last hour, and the most in any hour."""

from collections import deque


class ArrivalWindow:
    """Counts records in the half-open window (now - length, now], at every arrival.

    The fullest window always ends at an arrival, so a check at each arrival finds it. Times must
    not go backwards.
    """

    def __init__(self, length: float) -> None:
        self._length = length
        self._arrivals: deque[tuple[float, int]] = deque()
        self._current = 0
        self.largest = 0
        self.total = 0

    def add(self, count: int, now: float) -> int:
        """Count an arrival; returns the number of records in the window that ends now."""
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
