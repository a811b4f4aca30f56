"""The buckets, in virtual time."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.quota import Pace
from pipeline.stages.upload.request_limiter import RequestsPerSecond
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from tests.fakes.virtual_loop import run_virtual


def now() -> float:
    return asyncio.get_running_loop().time()


async def spent(pace: Pace, amounts: list[int], pauses: list[float]) -> list[float]:
    bucket = LaneTokenBucket(pace)
    times = []
    for amount, pause in zip(amounts, pauses, strict=True):
        await asyncio.sleep(pause)
        await spend(bucket, amount)
        times.append(now())
    return times


async def spend(bucket: LaneTokenBucket, amount: int) -> None:
    while wait := bucket.wait(amount, now()):
        await asyncio.sleep(wait)
    bucket.spend(amount, now())


def test_a_bucket_starts_empty() -> None:
    [at] = run_virtual(spent(Pace(burst=200, rate=10), [100], [0]))

    assert 10 <= at < 10.1


def test_a_bucket_that_nobody_touched_for_long_was_not_filling() -> None:
    """
    It is made at the takeover and begins with the first batch: later than it may, never earlier.
    """
    [at] = run_virtual(spent(Pace(burst=200, rate=10), [100], [1000]))

    assert at >= 1010


def test_what_was_saved_up_is_the_burst_and_no_more() -> None:
    times = run_virtual(spent(Pace(burst=200, rate=10), [100, 100, 100, 100], [0, 1000, 0, 0]))

    assert times[2] - times[1] < 0.1
    assert times[3] - times[2] >= 9.9


@settings(deadline=None, max_examples=60)
@given(
    rate=st.floats(1, 5000),
    spending=st.lists(st.tuples(st.integers(1, 100), st.floats(0, 30)), min_size=1, max_size=40),
    window=st.floats(1, 60),
)
def test_no_window_holds_more_than_the_burst_and_what_it_earned(
    rate: float, spending: list[tuple[int, float]], window: float
) -> None:
    amounts = [amount for amount, _ in spending]
    times = run_virtual(
        spent(Pace(burst=200, rate=rate), amounts, [pause for _, pause in spending])
    )

    for start in times:
        inside = sum(
            amount
            for amount, at in zip(amounts, times, strict=True)
            if start <= at < start + window
        )
        assert inside <= 200 + rate * window + 1e-3


def test_a_backlog_uses_the_whole_rate() -> None:
    times = run_virtual(spent(Pace(burst=200, rate=10), [100] * 50, [0] * 50))

    assert times[-1] <= 50 * 100 / 10 * 1.001


def test_waiting_that_was_cut_short_spends_nothing() -> None:
    async def cut_short() -> float:
        bucket = LaneTokenBucket(Pace(burst=200, rate=10))
        try:
            async with asyncio.timeout(1):
                await spend(bucket, 100)
        except TimeoutError:
            pass
        await spend(bucket, 100)
        return now()

    assert run_virtual(cut_short()) < 10.1


def test_more_than_a_bucket_can_hold_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="never holds 201"):
        LaneTokenBucket(Pace(burst=200, rate=10)).wait(201, 0.0)


async def passed(per_second: float, count: int) -> list[float]:
    request_limiter = RequestsPerSecond(per_second)
    times: list[float] = []

    async def one() -> None:
        await request_limiter.turn()
        times.append(now())

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(one(), name=f"caller-{number}")
    return times


def test_a_request_limiter_lets_so_many_through_a_second() -> None:
    times = run_virtual(passed(10, 101))

    assert times == sorted(times)
    assert 9.9 <= times[-1] <= 10.1


def test_a_fast_request_limiter_lets_through_at_once_what_a_twentieth_of_a_second_allows() -> None:
    times = run_virtual(passed(100, 200))

    assert sum(at < 0.001 for at in times) == 5


def test_a_slow_request_limiter_opens_now_and_then() -> None:
    times = run_virtual(passed(0.5, 3))

    assert [round(at, 3) for at in times] == [0, 2, 4]
