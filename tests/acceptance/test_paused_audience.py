"""The installed command: an audience is paused, the process dies, and the audience is resumed."""

import asyncio
import random
import subprocess
from pathlib import Path

import aiohttp
import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.broker import EmbeddedBroker
from tests.acceptance.deployment import COMMAND, Churn, Deployment

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


async def test_a_paused_audience_is_kept_through_a_kill_and_sent_when_it_is_resumed(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """
    Also here, where the broker drops the metadata of commits. The other audience of the lane gets
    everything meanwhile.
    """
    async with AmazonAdsSimulator(random=random.Random(1), options=SimulatorOptions()) as simulator:
        deployment = Deployment(
            tmp_path,
            embedded_broker.bootstrap_servers,
            namespace,
            simulator.url,
            connections=1,
            audiences=2,
            destination={"batch": {"linger_seconds": 0.3}},
            sections={"kafka": {"exactly_once": False}},
        )
        wrong, other = deployment.audience_id(0), deployment.audience_id(1)
        churn = Churn(deployment, random.Random(2), members=40)
        await deployment.create_source()
        try:
            deployment.start()
            await deployment.produce(churn.events(200))
            await deployment.until(lambda: churn.stands_at(simulator), 60)
            before = dict(simulator.membership()[wrong])

            said = await command(deployment, "lanes", "pause", "audience-0")
            await until_paused(deployment, 1)
            await deployment.produce(churn.events(300))
            await deployment.until(
                lambda: dict(simulator.membership()[other]) == churn.expected[other], 60
            )
            deployment.processes[-1].kill()
            deployment.start()
            await until_paused(deployment, 1)
            await deployment.produce(churn.events(100))
            await deployment.until(
                lambda: dict(simulator.membership()[other]) == churn.expected[other], 60
            )
            listed = await command(deployment, "lanes", "list")
            kept = dict(simulator.membership()[wrong])

            await command(deployment, "lanes", "resume", str(wrong))
            await deployment.until(lambda: churn.stands_at(simulator), 60)
            await until_paused(deployment, 0)
        finally:
            deployment.kill_all()

    assert kept == before != churn.expected[wrong]
    assert f"audience {wrong} (audience-0) of lane amazon-na.connection-0: paused" in said
    assert f"{wrong} paus" in listed


async def command(deployment: Deployment, *words: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run,
        [COMMAND, *words, "--config", str(deployment.folder / "config.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def until_paused(deployment: Deployment, count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if await deployment.metric("audience_audiences_paused") == count:
                    return
            except aiohttp.ClientError:
                pass  # it has not come up yet
            await asyncio.sleep(0.2)
