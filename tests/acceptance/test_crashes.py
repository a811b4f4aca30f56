"""The installed command on Apache Kafka, killed again and again."""

import asyncio
import random
from pathlib import Path

import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Churn, Deployment
from tests.conftest import SEED, Cluster

KILLS = 10
CAP, WINDOW = 3000, 5.0

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(420)]


async def test_killed_ten_times_the_memberships_are_equal_and_no_window_is_over_the_cap(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    SIGKILL at random moments loses nothing, brings no old change back, and never exceeds the cap.
    """
    rng = random.Random(SEED)
    options = SimulatorOptions(cap=CAP, window_seconds=WINDOW)
    async with AmazonAdsSimulator(random=random.Random(SEED), options=options) as simulator:
        deployment = Deployment(
            tmp_path,
            apache_kafka.bootstrap_servers,
            namespace,
            simulator.url,
            destination={
                "hourly_cap": CAP,
                "cap_window_seconds": WINDOW,
                "batch": {"max_records": 50, "linger_seconds": 0.5},
            },
        )
        await deployment.create_source()
        churn = Churn(deployment, rng, members=2000)
        try:
            for _ in range(KILLS):
                process = deployment.start()
                await deployment.produce(churn.events(1500))
                await asyncio.sleep(rng.uniform(1.0, 9.0))
                process.kill()
                process.wait()
            process = deployment.start()
            await deployment.produce(churn.events(500))
            await deployment.until(lambda: churn.stands_at(simulator), 120)
            code = await deployment.stop(process)
        finally:
            deployment.kill_all()

    assert code == 0
    assert churn.expected == simulator.membership()
    largest = {
        connection: simulator.largest_window(f"connection-{connection}") for connection in (0, 1)
    }
    print(f"largest window: {largest} of fewer than {CAP}")
    assert all(0 < seen < CAP for seen in largest.values())
