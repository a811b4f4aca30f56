"""One number of bytes for everything that upload holds, shared so that no lane starves another."""


class Budget:
    """A share that is each lane's own, and a rest that whoever needs it may borrow.

    A lane that is full has no room and is paused; it never takes what is guaranteed to another.
    """

    def __init__(self, total: int, *, guaranteed: int, lanes: int) -> None:
        self._guaranteed = guaranteed
        self._shared = max(0, total - guaranteed * lanes)
        self._held: dict[str, int] = {}
        # Both sums are kept, for each lane asks at each look, and there may be a thousand.
        self._used = 0
        self._borrowed = 0

    @property
    def used(self) -> int:
        return self._used

    def room(self, lane: str) -> int:
        """Bytes the lane may still take in; negative when its last fetch went over."""
        own = self._guaranteed - self._held.get(lane, 0)
        return own + max(0, self._shared - self._borrowed + max(0, -own))

    def occupy(self, lane: str, used: int) -> None:
        """Say how many bytes the lane holds now."""
        before = self._held.get(lane, 0)
        self._used += used - before
        self._borrowed += self._over(used) - self._over(before)
        self._held[lane] = used

    def release(self, lane: str) -> None:
        """Forget a lane that was given up."""
        self.occupy(lane, 0)
        del self._held[lane]

    def _over(self, used: int) -> int:
        """What a lane that holds so much has borrowed."""
        return max(0, used - self._guaranteed)
