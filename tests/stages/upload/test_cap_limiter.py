"""Who pays next, what a reservation keeps, and a quota that counts several things."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.quota import Dimension, Pace, Quota, paces
from pipeline.stages.upload.cap_limiter import CapLimiter, Cost, Reservation
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from tests.fakes.virtual_loop import run_virtual

SLOW: Mapping[Dimension, Pace] = {"records": Pace(burst=200, rate=10.0)}


def now() -> float:
    return asyncio.get_running_loop().time()


def paying(
    story: Callable[[CapLimiter], Awaitable[None]],
    by: Mapping[Dimension, Pace],
    waited: Callable[[float], None] = lambda seconds: None,
) -> None:
    """A limiter with empty buckets, for as long as the story lasts."""

    async def told() -> None:
        limiter = CapLimiter(
            buckets={what: LaneTokenBucket(pace) for what, pace in by.items()},
            clock=now,
            waited=waited,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(limiter.run())
            await story(limiter)
            running.cancel()

    run_virtual(told())


def test_the_oldest_is_next_also_when_it_comes_while_another_waits() -> None:
    """And however small those are that came before it: nothing is spent before one can pay."""
    paid: list[tuple[str, float]] = []

    async def one(limiter: CapLimiter, name: str, tokens: int, oldest: float) -> None:
        await limiter.pay(Cost(tokens), oldest)
        paid.append((name, round(now(), 3)))

    async def story(limiter: CapLimiter) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(one(limiter, "young and small", 10, 3.0))
            await asyncio.sleep(0.5)
            tasks.create_task(one(limiter, "old and large", 100, 1.0))
            tasks.create_task(one(limiter, "young and smaller", 5, 2.0))

    paying(story, SLOW)

    assert paid == [
        ("old and large", 10.0),
        ("young and smaller", 10.5),
        ("young and small", 11.5),
    ]


def test_who_leaves_while_it_waits_spends_nothing() -> None:
    waits: list[float] = []

    async def story(limiter: CapLimiter) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(9):
                await limiter.pay(Cost(100), 0.0)
        await limiter.pay(Cost(100), 1.0)
        assert now() == pytest.approx(10.0)

    paying(story, SLOW, waits.append)

    assert sum(waits) == pytest.approx(10.0)


def test_what_was_paid_and_refused_serves_the_next_attempt() -> None:
    """Halves of a refused batch wait for nothing; what may have been taken is paid again."""

    async def story(limiter: CapLimiter) -> None:
        reservation = Reservation(limiter, oldest=0.0)
        await reservation.fill(Cost(100, 1, 5000))
        assert now() == pytest.approx(10.0)
        await reservation.fill(Cost(50, 1, 2500))
        reservation.use(Cost(50, 1, 2500))
        await reservation.fill(Cost(50, 1, 2500))
        assert now() == pytest.approx(10.0)
        reservation.use(Cost(50, 1, 2500))
        await reservation.fill(Cost(50, 1, 2500))
        assert now() == pytest.approx(15.0)

    paying(story, SLOW)


def test_a_lane_whose_partner_counts_nothing_waits_for_nothing() -> None:
    async def story(limiter: CapLimiter) -> None:
        await Reservation(limiter, oldest=0.0).fill(Cost(10**9, 10**9, 10**9))
        assert now() == pytest.approx(0.0, abs=0.001)

    paying(story, {})


@settings(max_examples=60, deadline=None)
@given(
    requests=st.integers(20, 200),
    megabytes=st.integers(2, 40),
    window=st.floats(1.0, 100.0),
    sizes=st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 50_000)), min_size=1),
    max_in_flight=st.integers(1, 4),
)
def test_a_quota_in_requests_and_bytes_is_kept_in_every_window(
    requests: int,
    megabytes: int,
    window: float,
    sizes: list[tuple[int, int]],
    max_in_flight: int,
) -> None:
    """A partner that counts no records, but requests and what they weigh."""
    quota = Quota(window=window, requests=requests, bytes=megabytes * 1_000_000)
    by = paces(quota, largest_batch=1000, largest_body=50_000, max_in_flight=max_in_flight)
    sent: list[tuple[float, int]] = []

    async def story(limiter: CapLimiter) -> None:
        while now() < 3 * window:
            records, size = sizes[len(sent) % len(sizes)]
            reservation = Reservation(limiter, oldest=now())
            await reservation.fill(Cost(records, 1, size))
            sent.append((now(), size))

    paying(story, by)

    assert by.keys() == {"requests", "bytes"}
    for first, (start, _) in enumerate(sent):
        inside = [size for at, size in sent[first:] if at < start + window]
        assert len(inside) < requests
        assert sum(inside) < megabytes * 1_000_000
