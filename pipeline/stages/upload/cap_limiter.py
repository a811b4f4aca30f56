"""Pays for requests from a lane's token buckets, the oldest records first."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pipeline.domain.quota import Dimension
from pipeline.stages.ports import TokenBucket
from pipeline.stages.waiting import until


class Cost(NamedTuple):
    """The size of one request in each dimension that a quota can count."""

    records: int
    requests: int = 0
    bytes: int = 0

    def plus(self, other: "Cost") -> "Cost":
        return Cost(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: "Cost") -> "Cost":
        return Cost(*(mine - its for mine, its in zip(self, other, strict=True)))


NOTHING = Cost(0)


class _Payer(NamedTuple):
    oldest: float
    arrival: int
    cost: Cost
    paid: asyncio.Future[None]


class CapLimiter:
    """One task spends from the buckets of a lane for all its deliveries.

    The delivery with the oldest record pays first. Nothing is spent before it can pay, so small
    deliveries cannot starve a large one.
    """

    def __init__(
        self,
        *,
        buckets: Mapping[Dimension, TokenBucket],
        clock: Callable[[], float],
        waited: Callable[[float], None],
    ) -> None:
        self._buckets = buckets
        self._clock = clock
        self._waited = waited
        self._payers: list[_Payer] = []
        self._arrivals = itertools.count()
        self._arrived = asyncio.Event()

    def counted(self, cost: Cost) -> Cost:
        """Return the cost with zero in each dimension that has no bucket."""
        return Cost(*(one if name in self._buckets else 0 for name, one in cost._asdict().items()))

    async def pay(self, cost: Cost, oldest: float) -> None:
        """Return once the cost is paid; the delivery with the earliest `oldest` pays first.

        The order is not by offset, or a long replay of a resumed audience would let no other pass.
        """
        paid: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._payers, _Payer(oldest, next(self._arrivals), cost, paid))
        self._arrived.set()
        await paid

    async def run(self) -> None:
        """Let the deliveries pay one after the other, until cancelled."""
        while True:
            payer = self._next()
            seconds = None if payer is None else self._wait(payer.cost)
            if payer is not None and not seconds:
                self._spend(payer)
                continue
            self._arrived.clear()
            await self._sleep(seconds)

    def _next(self) -> _Payer | None:
        while self._payers and self._payers[0].paid.done():
            heapq.heappop(self._payers)  # cancelled before it paid
        return self._payers[0] if self._payers else None

    def _wait(self, cost: Cost) -> float:
        now = self._clock()
        waits = [
            bucket.wait(getattr(cost, dimension), now)
            for dimension, bucket in self._buckets.items()
        ]
        return max(waits, default=0.0)

    def _spend(self, payer: _Payer) -> None:
        now = self._clock()
        for dimension, bucket in self._buckets.items():
            bucket.spend(getattr(payer.cost, dimension), now)
        payer.paid.set_result(None)

    async def _sleep(self, seconds: float | None) -> None:
        """Wait until the first payer can pay, or another payer arrives."""
        if seconds is None:
            await self._arrived.wait()
            return
        began = self._clock()
        await until(self._arrived, seconds)
        self._waited(self._clock() - began)


class Reservation:
    """Tokens that one delivery has paid for and not used.

    A partner does not count records that it refuses, so the next attempt of the same records uses
    the same tokens. Otherwise the search for one bad record would cost two batches.
    """

    def __init__(self, limiter: CapLimiter, oldest: float) -> None:
        self._limiter = limiter
        self._oldest = oldest
        self._paid = NOTHING

    async def fill(self, cost: Cost) -> None:
        """Return once the reservation covers the cost."""
        missing = Cost(*(max(0, one) for one in self._limiter.counted(cost.minus(self._paid))))
        if any(missing):
            await self._limiter.pay(missing, self._oldest)
            self._paid = self._paid.plus(missing)

    def use(self, cost: Cost) -> None:
        """Take away what the partner counted or may have counted."""
        self._paid = self._paid.minus(self._limiter.counted(cost))
