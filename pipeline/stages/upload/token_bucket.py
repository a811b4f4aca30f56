"""Token buckets on aiolimiter: records of a lane, requests of a client."""

from aiolimiter import AsyncLimiter

from pipeline.domain.quota import Pace

BURST_SECONDS = 0.05
"""A request_limiter lets through at once what it would in this time: a stalled loop loses none."""


class LaneTokenBucket:
    """The bucket of one ownership of one lane."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._limiter = AsyncLimiter(pace.burst, pace.burst / pace.rate)
        self._is_empty = False

    async def spend(self, tokens: int) -> None:
        if not self._is_empty:
            # A new bucket of this library is full; a lane that was taken over must start empty.
            self._is_empty = True
            await self._limiter.acquire(self._pace.burst)
        await self._limiter.acquire(tokens)


class RequestsPerSecond:
    """At most so many requests a second, of all lanes of a client together."""

    def __init__(self, per_second: float) -> None:
        burst = max(1.0, per_second * BURST_SECONDS)
        self._limiter = AsyncLimiter(burst, burst / per_second)

    async def turn(self) -> None:
        await self._limiter.acquire()
