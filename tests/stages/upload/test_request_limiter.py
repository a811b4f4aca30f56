"""How fast one client sends, all its lanes together."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.stages.upload.request_limiter import BURST_SECONDS, RequestsPerSecond
from tests.fakes.virtual_loop import run_virtual

LANES = 1000
PROBE_SECONDS = 60.0


def most_within(seconds: float, times: Sequence[float]) -> int:
    """The most of these that lie in any window of this length."""
    return max(
        sum(1 for at in times[first:] if at < start + seconds) for first, start in enumerate(times)
    )


@pytest.mark.parametrize("per_second", [1.0, 10.0, 40.0])
def test_a_thousand_blocked_lanes_ask_no_faster_than_one_client_may(per_second: float) -> None:
    """
    Each asks once a minute, all at the same moment. No second has more than the bound and what
    may pass at once, and none of them is forgotten.
    """
    times: list[float] = []

    async def blocked(limiter: RequestsPerSecond) -> None:
        for _ in range(3):
            await asyncio.sleep(PROBE_SECONDS)
            await limiter.turn()
            times.append(asyncio.get_running_loop().time())

    async def all_lanes() -> None:
        limiter = RequestsPerSecond(per_second)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(LANES):
                tasks.create_task(blocked(limiter))

    run_virtual(all_lanes())

    assert len(times) == 3 * LANES
    assert most_within(1.0, times) <= per_second + max(1.0, per_second * BURST_SECONDS) + 1e-9
