"""What becomes of a members topic of Adobe: its own snapshots stop, and nothing of Amazon does."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from aiokafka.admin import NewTopic

from pipeline.domain.member_record import PARTITIONS
from pipeline.domain.names import Names
from pipeline.kafka.topic_plans import members_topic
from pipeline.kafka.topics import Topics
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment, event
from tests.conftest import Cluster
from tests.http.adobe_world import Adobe, adobe, document
from tests.integration.snapshot_world import QUICK
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import administering
from tests.servers.topic_acls import DESCRIBE, READ, WRITE, denied

pytestmark = [pytest.mark.acceptance, pytest.mark.kafka, pytest.mark.timeout(300)]

PATIENCE = 90.0
MEMBERS = 20


@dataclass(slots=True)
class World:
    """Both partners, and one process that serves them."""

    cluster: Cluster
    deployment: Deployment
    amazon: AmazonAdsSimulator
    adobe: Adobe
    audience: str

    @property
    def members(self) -> str:
        return Names(self.deployment.namespace).members("adobe")

    def start(self) -> None:
        self.deployment.start("ingest,upload,poll,snapshot")

    async def stop(self) -> None:
        assert await self.deployment.stop(self.deployment.processes[-1]) == 0

    async def state(self, members: Sequence[str], action: str = "add") -> None:
        await self.deployment.produce(event("audience-0", one, action) for one in members)

    async def until_amazon_took(self, records: int) -> None:
        def is_taken() -> bool:
            return self.amazon.totals()["records"]["accepted"] >= records

        await self.deployment.until(is_taken, PATIENCE)

    async def until_adobe_has(self, members: Sequence[str]) -> None:
        wanted = {sha256(f"{one}@example.com".encode()).hexdigest() for one in members}
        try:
            async with asyncio.timeout(PATIENCE):
                while set(await self.at_adobe()) != wanted:
                    await asyncio.sleep(0.3)
        except TimeoutError:
            status = json.dumps(await self.status())
            raise AssertionError(f"{status}\n{self.deployment.logs()}") from None

    async def at_adobe(self) -> Sequence[str]:
        return list((await self.adobe.simulator.membership()).get(self.audience, ()))

    async def make_members(self, partitions: int = PARTITIONS, **settings: str) -> None:
        plan = members_topic(self.members, partitions)
        wanted = {**plan.settings, "message.timestamp.type": "LogAppendTime", **settings}
        async with administering(self.cluster) as admin:
            while self.members in await Topics(admin, None).partitions():
                await asyncio.sleep(0.2)
            # Who owns it may have been faster.
            await admin.create_topics([NewTopic(self.members, partitions, 1, topic_configs=wanted)])

    async def delete_members(self) -> None:
        async with administering(self.cluster) as admin:
            await admin.delete_topics([self.members])

    async def asked(self, path: str) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self.deployment.admin_port}{path}"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status, await answer.json()

    async def status(self) -> Mapping[str, Any]:
        _, said = await self.asked("/status")
        assert isinstance(said, dict)
        return said

    async def until(self, is_so: Callable[[Mapping[str, Any]], bool]) -> None:
        """Until /status says so."""
        said: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(PATIENCE):
                while not is_so(said):
                    await asyncio.sleep(0.3)
                    with contextlib.suppress(aiohttp.ClientConnectionError):  # it starts
                        said = await self.status()
        except TimeoutError:
            raise AssertionError(f"{json.dumps(said)}\n{self.deployment.logs()}") from None

    async def runs(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """One command of an operator."""
        config = str(self.deployment.write())
        whole = [*self.deployment.command, *command, "--config", config]
        return await asyncio.to_thread(
            subprocess.run, whole, capture_output=True, text=True, check=False, timeout=120
        )


@asynccontextmanager
async def world_of(cluster: Cluster, namespace: str, folder: Path) -> AsyncIterator[World]:
    files = folder / "files"
    files.mkdir()
    async with adobe(files) as partner, AmazonAdsSimulator(random=Random(1)) as amazon:
        audience = await partner.made("audience-0")
        simulator = partner.simulator
        target = {
            "destination": "adobe",
            "external_audience_id": audience,
            "identity": {"namespace": "email_lc_sha256", "from": "email"},
        }
        deployment = Deployment(
            folder,
            cluster.bootstrap_servers,
            namespace,
            amazon.url,
            connections=1,
            audiences=1,
            destination={"batch": {"linger_seconds": 0.2}},
            second={
                "adobe": document(simulator.url, simulator.token_url, files, snapshot=QUICK),
            },
            second_targets=[target],
        )
        await deployment.create_source()
        try:
            yield World(cluster, deployment, amazon, partner, audience)
        finally:
            deployment.kill_all()


def is_blocked(status: Mapping[str, Any]) -> bool:
    snapshots = status.get("snapshots", {}).get("adobe", {})
    return snapshots.get("state") == "blocked" and "has lost records" in snapshots["detail"]


async def test_a_members_topic_that_was_emptied_stops_its_own_snapshots_until_it_is_confirmed(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Made anew under a running process, and found so by the next start, too. Amazon gets every
    change; Adobe keeps everybody, though statements of some go on being written; and once all were
    stated anew and an operator has confirmed it, Adobe has what upstream says, without a restart.
    """
    first, later = [f"a-{n}" for n in range(MEMBERS)], [f"b-{n}" for n in range(MEMBERS)]
    async with world_of(apache_kafka, namespace, tmp_path) as world:
        world.start()
        await world.state(first)
        await world.until_adobe_has(first)
        await world.until_amazon_took(MEMBERS)
        started = world.adobe.counts()["runs.start"]

        await world.delete_members()
        await world.make_members()
        await world.state(later)
        await world.until(is_blocked)
        await world.until_amazon_took(2 * MEMBERS)

        await world.stop()
        world.start()
        await world.state(["c-0"])
        await world.until(is_blocked)
        await world.until_amazon_took(2 * MEMBERS + 1)
        readiness, reasons = await world.asked("/readyz")
        unfit = await world.deployment.metric("audience_snapshot_members_unfit")
        listed = await world.runs("runs", "list", "--json")
        checked = await world.runs("check", "--online")
        [line] = [one for one in log_lines(world) if "no snapshots of destination" in one]

        assert await world.at_adobe(), "nobody was let go"
        assert world.adobe.counts()["runs.start"] == started
        assert readiness == 200
        assert "has lost records" in " ".join(reasons["reasons"])
        assert unfit == 1
        assert json.loads(listed.stdout)["audiences"][0]["state"] == "blocked"
        assert "members confirm adobe" in checked.stdout
        assert world.members in line

        await world.state([*first, *later])
        await world.until_amazon_took(4 * MEMBERS + 1)
        confirmed = await world.runs("members", "confirm", "adobe", "--yes")
        assert confirmed.returncode == 0, confirmed.stderr
        await world.until_adobe_has([*first, *later, "c-0"])
        assert (await world.asked("/readyz"))[1]["reasons"] == []
        assert "topics are as needed" in (await world.runs("check", "--online")).stdout
        await world.stop()


async def test_a_members_topic_with_too_few_partitions_stops_ingest_and_no_delivery(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    What ingest wrote would stand where nobody looks for it. What stands in Amazon's lane goes out
    and its jobs are followed; and ingest goes on once the topic is gone, without a restart.
    """
    async with world_of(apache_kafka, namespace, tmp_path) as world:
        await world.make_members(partitions=6)
        world.start()
        await world.until(lambda status: bool(status.get("ingest_waits_for")))
        await world.deployment.fill_lane(0, 50)
        await world.until_amazon_took(50)
        await world.state(["a-0", "a-1"])
        readiness, said = await world.asked("/readyz")

        assert readiness == 503
        assert "has 6 partitions instead of 64" in said["reasons"][1]
        assert world.amazon.totals()["records"]["accepted"] == 50

        await world.delete_members()
        await world.until_amazon_took(52)
        await world.until_adobe_has(["a-0", "a-1"])
        assert (await world.asked("/readyz"))[0] == 200
        await world.stop()


async def test_a_members_topic_that_is_forbidden_stops_its_own_snapshots_until_it_is_allowed(
    own_apache_kafka: ApacheKafka, namespace: str, tmp_path: Path
) -> None:
    """
    Under a running process, which goes on with its lanes, and at the next start. Ingest waits, as
    it may not write; and all of it goes on once that is allowed, without a restart.
    """
    async with world_of(own_apache_kafka, namespace, tmp_path) as world:
        world.start()
        await world.state(["a-0"])
        await world.until_adobe_has(["a-0"])
        await world.until_amazon_took(1)

        async with denied(own_apache_kafka, world.members, READ, WRITE):
            await world.state(["a-1"])
            await world.until(is_forbidden)
            await world.deployment.fill_lane(0, 50)
            await world.until_amazon_took(51)
            unfit = await world.deployment.metric("audience_snapshot_members_unfit")
            [waits] = (await world.status())["ingest_waits_for"]
            [line] = [one for one in log_lines(world) if "chunk not durable" in one]
        await world.until_amazon_took(52)
        await world.until_adobe_has(["a-0", "a-1"])
        assert unfit == 1
        assert "TopicAuthorizationFailed" in line
        assert f"topic {world.members} is forbidden to us since" in waits
        assert (await world.status())["ingest_waits_for"] == []

        await world.stop()
        async with denied(own_apache_kafka, world.members, DESCRIBE):
            world.start()
            await world.until(lambda status: bool(status.get("ingest_waits_for")))
            await world.until(is_forbidden)
            await world.state(["a-2"])
            await world.deployment.fill_lane(0, 50)
            await world.until_amazon_took(102)
            checked = await world.runs("check", "--online")
            _, said = await world.asked("/readyz")
        await world.until_amazon_took(103)
        await world.until_adobe_has(["a-0", "a-1", "a-2"])
        assert "--operation Describe" in checked.stdout
        assert "kafka-acls.sh --add" in " ".join(said["reasons"])
        await world.stop()


def is_forbidden(status: Mapping[str, Any]) -> bool:
    snapshots = status.get("snapshots", {}).get("adobe", {})
    return snapshots.get("state") == "blocked" and "is forbidden to us" in snapshots["detail"]


async def test_too_few_partitions_under_a_running_ingest_are_said_and_stop_no_delivery(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Somebody made the topic anew with six. The process goes on with its lanes and its jobs, says
    what is wrong, not all the time, and ingest goes on by itself once the topic is mended.
    """
    async with world_of(apache_kafka, namespace, tmp_path) as world:
        world.start()
        await world.state(["a-0"])
        await world.until_adobe_has(["a-0"])
        await world.until_amazon_took(1)

        await world.delete_members()
        await world.make_members(partitions=6)
        await world.state([f"b-{n}" for n in range(MEMBERS)])
        await world.until(has_too_few)
        await world.deployment.fill_lane(0, 50)
        await world.until_amazon_took(51)
        await asyncio.sleep(20)  # a transaction fails after fifteen
        unfit = await world.deployment.metric("audience_snapshot_members_unfit")
        said = [json.loads(one) for one in log_lines(world) if "chunk not durable" in one]

        assert unfit == 1
        assert said
        assert all(seconds >= 59 for seconds in between_the_same(said)), said
        assert world.deployment.processes[-1].poll() is None

        await world.delete_members()
        await world.until_amazon_took(51 + MEMBERS)
        await world.stop()


def between_the_same(lines: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Seconds from each line to the next one of the same reason."""
    last: dict[str, datetime] = {}
    for line in lines:
        at = datetime.fromisoformat(line["timestamp"])
        if line["error"] in last:
            yield (at - last[line["error"]]).total_seconds()
        last[line["error"]] = at


def has_too_few(status: Mapping[str, Any]) -> bool:
    snapshots = status.get("snapshots", {}).get("adobe", {})
    return snapshots.get("state") == "blocked" and "has 6 partitions" in snapshots["detail"]


def log_lines(world: World) -> Sequence[str]:
    """Of the newest process."""
    newest = max(world.deployment.folder.glob("run-*.log"))
    return newest.read_text().splitlines()
