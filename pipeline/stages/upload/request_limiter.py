"""At most so many requests a second, of all lanes of a client together."""

from aiolimiter import AsyncLimiter

BURST_SECONDS = 0.05
"""As many requests pass at once as belong to this time: a stalled loop then loses none."""


class RequestsPerSecond:
    """A bound on how fast one client sends. The order of its callers does not matter."""

    def __init__(self, per_second: float) -> None:
        burst = max(1.0, per_second * BURST_SECONDS)
        self._limiter = AsyncLimiter(burst, burst / per_second)

    async def turn(self) -> None:
        await self._limiter.acquire()
