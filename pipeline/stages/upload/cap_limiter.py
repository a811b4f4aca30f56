"""Pays for records from a lane's token bucket, the oldest first."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

from pipeline.stages.ports import TokenBucket


class CapLimiter:
    """One task spends from the bucket for a whole lane.

    The bucket serves small waiters before large ones, so several waiters at it would let a large
    batch starve behind a stream of small ones. Here the batch with the oldest record is next.
    """

    def __init__(self, bucket: TokenBucket, waited: Callable[[float], None]) -> None:
        self._bucket = bucket
        self._waited = waited
        self._queue: list[tuple[float, int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        self._requested = asyncio.Event()

    async def pay(self, tokens: int, oldest: float) -> None:
        """Return once the tokens are this caller's; who has waited since `oldest` is next.

        Not the lowest offset: a long replay of a resumed audience would let no other pass.
        """
        paid: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (oldest, next(self._arrivals), tokens, paid))
        self._requested.set()
        await paid

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                self._requested.clear()
                await self._requested.wait()
            _, _, tokens, paid = heapq.heappop(self._queue)
            if paid.done():
                continue
            began = loop.time()
            await self._bucket.spend(tokens)
            self._waited(loop.time() - began)
            # Tokens of a caller that left meanwhile are lost: that costs pace, never the cap.
            if not paid.done():
                paid.set_result(None)


class Reservation:
    """Tokens that one batch has paid for and not used.

    What a partner definitely refused was not counted by it, so the next attempt of the same
    records uses the same tokens; otherwise finding one bad record would cost two batches.
    """

    def __init__(self, limiter: CapLimiter, oldest: float) -> None:
        self._limiter = limiter
        self._oldest = oldest
        self._tokens = 0

    async def hold(self, tokens: int) -> None:
        """Return once the reservation holds at least so many tokens."""
        missing = tokens - self._tokens
        if missing > 0:
            await self._limiter.pay(missing, self._oldest)
            self._tokens += missing

    def use(self, tokens: int) -> None:
        """These were, or may have been, counted by the partner."""
        self._tokens -= tokens
