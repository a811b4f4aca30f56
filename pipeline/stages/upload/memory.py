"""Shares the memory of the upload stage among its lanes, so that no lane starves another."""


class Budget:
    """Guarantees a share to each lane, and lends the rest to the lanes that need more.

    A full lane has no room and is paused; it never takes the share of another lane.
    """

    def __init__(self, total: int, *, guaranteed: int, lanes: int) -> None:
        self._guaranteed = guaranteed
        self._shared = max(0, total - guaranteed * lanes)
        self._held: dict[str, int] = {}
        # Both sums are kept up to date, because a thousand lanes may ask for them often.
        self._used = 0
        self._borrowed = 0

    @property
    def used(self) -> int:
        return self._used

    def room(self, lane: str) -> int:
        """Return the bytes that the lane may still take in; negative if it took in too much."""
        own = self._guaranteed - self._held.get(lane, 0)
        return own + max(0, self._shared - self._borrowed + max(0, -own))

    def occupy(self, lane: str, used: int) -> None:
        """Note how many bytes the lane holds now."""
        before = self._held.get(lane, 0)
        self._used += used - before
        self._borrowed += self._over(used) - self._over(before)
        self._held[lane] = used

    def release(self, lane: str) -> None:
        """Forget a lane that was given up."""
        self.occupy(lane, 0)
        del self._held[lane]

    def _over(self, used: int) -> int:
        """Return the bytes that a lane with so many in use has borrowed."""
        return max(0, used - self._guaranteed)
