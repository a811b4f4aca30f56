"""The cap on the real path: never over, and never idle under it."""

import asyncio
import random
from pathlib import Path

import pytest

from pipeline.sandbox.amazon.options import SimulatorOptions
from pipeline.sandbox.amazon.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment, event
from tests.conftest import Cluster

CAP, WINDOW, WINDOWS = 6000, 6.0, 6

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(240)]


async def test_a_backlog_of_six_windows_uses_nearly_all_of_the_cap_and_never_more(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Two connections with 6,000 records in 6 seconds each: 95 % used at least, no window over.
    """
    backlog = CAP * (WINDOWS + 1)
    options = SimulatorOptions(cap=CAP, window_seconds=WINDOW)
    async with AmazonAdsSimulator(random=random.Random(1), options=options) as simulator:
        deployment = Deployment(
            tmp_path,
            apache_kafka.bootstrap_servers,
            namespace,
            simulator.url,
            audiences=2,
            destination={
                "hourly_cap": CAP,
                "cap_window_seconds": WINDOW,
                "batch": {"max_records": 15, "linger_seconds": 1},
            },
        )
        await deployment.create_source()
        await deployment.produce(
            event(f"audience-{number % 2}", f"u-{number}") for number in range(2 * backlog)
        )
        # The backlog stands in the lanes before the clock starts: it is the cap that is measured.
        process = deployment.start("ingest")
        await _ingested(deployment, 2 * backlog)
        assert await deployment.stop(process) == 0
        process = deployment.start("upload,poll")
        try:
            await deployment.until(lambda: simulator.totals()["records"]["arrived"] > 0, 30)
            # In two halves: whatever else keeps the machine busy for a moment is not the cap's use.
            began = simulator.totals()["records"]["arrived"]
            await asyncio.sleep(WINDOWS * WINDOW / 2)
            middle = simulator.totals()["records"]["arrived"]
            await asyncio.sleep(WINDOWS * WINDOW / 2)
            end = simulator.totals()["records"]["arrived"]
            used = max(middle - began, end - middle) / (CAP * WINDOWS)
            code = await deployment.stop(process)
        finally:
            deployment.kill_all()

    largest = max(simulator.largest_window(f"connection-{number}") for number in (0, 1))
    print(f"used {used:.1%} of the cap; largest window {largest} of fewer than {CAP}")
    assert code == 0
    assert used >= 0.95
    assert largest < CAP


async def _ingested(deployment: Deployment, events: int) -> None:
    async with asyncio.timeout(120):
        while True:
            await asyncio.sleep(0.5)
            try:
                if await deployment.metric("audience_events_consumed_total") >= events:
                    return
            except OSError:
                continue
