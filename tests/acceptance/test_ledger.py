"""The installed command's ledger on Apache Kafka, between crashes and when all is done."""

import asyncio
import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import COMMAND, LOOK_SECONDS, Churn, Deployment
from tests.conftest import Cluster
from tests.servers.kafka_clients import administering, reading

KILLS = 3
TERMS = ("superseded", "dead_lettered", "accepted", "waiting")
ENDS = ("applied", "invalid", "failed", "unknown", "pending")

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(240)]


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    said: dict[str, Any]
    errors: str

    def sum(self, *terms: str) -> int:
        return sum(lane[term] for lane in self.said["lanes"] for term in terms)


async def ledger(deployment: Deployment) -> Ran:
    ran = await asyncio.to_thread(
        subprocess.run,
        [COMMAND, "ledger", "--json", "--config", str(deployment.write())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(ran.returncode, json.loads(ran.stdout), ran.stderr)


async def at_rest(deployment: Deployment) -> Ran:
    async with asyncio.timeout(90):
        while not (ran := await ledger(deployment)).said["at_rest"]:
            await asyncio.sleep(LOOK_SECONDS)
    return ran


async def delete_the_first_job(deployment: Deployment, cluster: Cluster) -> None:
    topic = f"{deployment.namespace}.jobs"
    tps = [TopicPartition(topic, number) for number in range(6)]
    async with reading(cluster) as consumer:
        ends = await consumer.end_offsets(tps)
    some = next(tp for tp in tps if ends[tp])
    async with administering(cluster) as admin:
        await admin.delete_records({some: RecordsToDelete(before_offset=1)})


async def test_it_adds_up_after_every_kill_and_not_without_one_job(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    While it runs it adds up too; and one job's message deleted is exit code 1 with the lane.
    """
    rng = random.Random(20)
    async with AmazonAdsSimulator(random=rng) as simulator:
        deployment = Deployment(
            tmp_path,
            apache_kafka.bootstrap_servers,
            namespace,
            simulator.url,
            destination={
                # A backlog, so that there is something to be in the middle of.
                "hourly_cap": 600,
                "cap_window_seconds": 5,
                "batch": {"max_records": 20, "linger_seconds": 0.3},
            },
        )
        await deployment.create_source()
        churn = Churn(deployment, rng, members=300)
        looks: list[Ran] = []
        try:
            for _ in range(KILLS):
                process = deployment.start()
                await deployment.produce(churn.events(500))
                await asyncio.sleep(rng.uniform(2.0, 5.0))
                looks.append(await ledger(deployment))
                process.kill()
                process.wait()
                looks.append(await ledger(deployment))
            deployment.start()
            await deployment.until(lambda: churn.stands_at(simulator), 90)
            rest = await at_rest(deployment)
        finally:
            deployment.kill_all()
        await delete_the_first_job(deployment, apache_kafka)
        broken = await ledger(deployment)

    for look in (*looks, rest):
        print({term: look.sum(term) for term in (*TERMS, "repeated", *ENDS)})
        assert look.code == 0, look.errors
        assert look.sum("prepared") == look.sum(*TERMS)
        assert look.sum("handed_over") == look.sum("accepted", "repeated") == look.sum(*ENDS)
    assert any(look.sum("waiting") for look in looks)
    assert rest.sum("prepared") == churn.count
    assert broken.code == 1
    assert "lane amazon-na.connection-" in broken.errors
