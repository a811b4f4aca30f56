"""What a long backlog costs: time, and no memory; and nobody else waits for it."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment, event
from tests.conftest import Cluster

WAITING = 2_000_000
CAP_A_SECOND = 1000
LINGER = 1.0
WATCHED_SECONDS = 12
MEGABYTE = 1024 * 1024

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(240)]


async def test_two_million_waiting_records_leave_memory_flat_and_others_unhindered(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    One lane has half an hour of work in front of it; a second connection's record still passes
    from ingest to the partner within linger plus two seconds, and resident memory does not grow.
    """
    window = 10.0
    options = SimulatorOptions(cap=int(CAP_A_SECOND * window), window_seconds=window)
    async with AmazonAdsSimulator(random=random.Random(1), options=options) as simulator:
        deployment = Deployment(
            tmp_path,
            apache_kafka.bootstrap_servers,
            namespace,
            simulator.url,
            audiences=2,
            destination={
                "hourly_cap": options.cap,
                "cap_window_seconds": window,
                "batch": {"max_records": 100, "max_bytes": 1_000_000, "linger_seconds": LINGER},
            },
            sections={"upload": {"buffer_bytes": 16_000_000}},
        )
        await deployment.create_source()
        process = deployment.start()
        try:
            await deployment.until(lambda: "partitions assigned" in deployment.logs(), 30)
            await deployment.fill_lane(0, WAITING)
            await deployment.until(lambda: simulator.totals()["records"]["arrived"] > 5000, 60)
            before = _resident(process.pid)
            waited = await _passing_time(deployment, simulator)
            await asyncio.sleep(WATCHED_SECONDS)
            after = _resident(process.pid)
            code = await deployment.stop(process)
        finally:
            deployment.kill_all()

    grown = f"{before / MEGABYTE:.0f} MB, {WATCHED_SECONDS} s later {after / MEGABYTE:.0f} MB"
    print(f"resident {grown}")
    print(f"the other connection's record passed in {waited:.2f} s (linger {LINGER} s)")
    assert code == 0
    assert after <= before * 1.1
    assert waited <= LINGER + 2.0
    assert simulator.largest_window("connection-0") < options.cap


async def _passing_time(deployment: Deployment, simulator: AmazonAdsSimulator) -> float:
    """Seconds from an event upstream to its record at the partner."""
    began = time.monotonic()
    await deployment.produce([event("audience-1", "someone-else")])
    audience = deployment.audience_id(1)
    while "someone-else" not in simulator.membership().get(audience, {}):
        assert time.monotonic() < began + 30, deployment.logs()
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
