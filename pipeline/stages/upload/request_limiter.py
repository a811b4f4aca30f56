"""Limits the requests a second of all lanes of a client together."""

from aiolimiter import AsyncLimiter

BURST_SECONDS = 0.05
"""The requests of this time may pass at once, so that a stalled event loop loses none."""


class RequestsPerSecond:
    """Limits how fast one client sends. The order of its callers does not matter."""

    def __init__(self, per_second: float) -> None:
        burst = max(1.0, per_second * BURST_SECONDS)
        self._limiter = AsyncLimiter(burst, burst / per_second)

    async def turn(self) -> None:
        await self._limiter.acquire()
