"""A token bucket that starts empty. Decides; waits for nothing."""

from pipeline.domain.quota import Pace


class LaneTokenBucket:
    """The bucket of one ownership of one lane: tokens are earned first and spent later.

    The bucket earns tokens from its first use on, never earlier. In any window a lane spends at
    most the burst and the tokens that the window earns; `domain/quota.py` relies on that.
    Times are seconds of one clock that never goes back.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._tokens = 0.0
        self._as_of: float | None = None

    def wait(self, tokens: int, now: float) -> float:
        """Return the seconds until there are so many tokens; 0 when there are.

        Raises:
            ValueError: more than the bucket can ever hold.
        """
        if tokens > self._pace.burst:
            raise ValueError(f"a bucket of {self._pace.burst} never holds {tokens}")
        self._earn(now)
        return max(0.0, (tokens - self._tokens) / self._pace.rate)

    def spend(self, tokens: int, now: float) -> None:
        """Spend tokens for which `wait` returned 0."""
        self._earn(now)
        self._tokens -= tokens

    def _earn(self, now: float) -> None:
        since = now if self._as_of is None else self._as_of
        self._tokens = min(self._pace.burst, self._tokens + (now - since) * self._pace.rate)
        self._as_of = now
