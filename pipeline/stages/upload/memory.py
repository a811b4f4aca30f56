"""One number of bytes for everything that upload holds, shared so that no lane starves another."""


class Budget:
    """A share that is each lane's own, and a rest that whoever needs it may borrow.

    A lane that is full has no room and is paused; it never takes what is guaranteed to another.
    """

    def __init__(self, total: int, *, guaranteed: int, lanes: int) -> None:
        self._guaranteed = guaranteed
        self._shared = max(0, total - guaranteed * lanes)
        self._used: dict[str, int] = {}

    @property
    def used(self) -> int:
        return sum(self._used.values())

    def room(self, lane: str) -> int:
        """Bytes the lane may still take in; negative when its last fetch went over."""
        own = self._guaranteed - self._used.get(lane, 0)
        borrowed = sum(max(0, used - self._guaranteed) for used in self._used.values())
        return own + max(0, self._shared - borrowed + max(0, -own))

    def occupy(self, lane: str, used: int) -> None:
        """Say how many bytes the lane holds now."""
        self._used[lane] = used

    def release(self, lane: str) -> None:
        """Forget a lane that was given up."""
        self._used.pop(lane, None)
