"""An audience at the simulated partner, and both stages that deliver it, on real brokers."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aiokafka import AIOKafkaProducer

from pipeline.app import status
from pipeline.app.assembly import Pipeline, assemble
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.operations.cluster_setup import prepare
from pipeline.sandbox.broker import EmbeddedBroker
from tests.conftest import Cluster
from tests.http.adobe_world import NAME, Adobe, adobe, document
from tests.servers.kafka_clients import create_topics, producing

PATIENCE = 60.0
QUICK = {
    "min_interval_seconds": 1,
    "quiet_seconds": 1,
    "max_wait_seconds": 5,
    "poll_seconds": 0.2,
    "window_seconds": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What one platform says of one audience, and where that has to arrive."""

    world: Adobe
    audience: str
    """The partner's id."""
    settings: Settings
    producer: AIOKafkaProducer

    async def says(self, members: Collection[str], action: str = "add") -> None:
        for member in members:
            await self.producer.send_and_wait(
                self.settings.sources[0].topic, _event(member, action), key=member.encode()
            )

    async def until_ingested(self, members: Collection[str], pipeline: Pipeline) -> None:
        """Return once exactly these are members at the partner."""
        expected = {sha256(f"{member}@example.com".encode()).hexdigest() for member in members}
        try:
            async with asyncio.timeout(PATIENCE):
                while set((await self.world.simulator.membership()).get(self.audience, ())) != (
                    expected
                ):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(status.status(pipeline)) from None


@asynccontextmanager
async def upstream_of(
    cluster: Cluster, namespace: str, folder: Path, members: Collection[str]
) -> AsyncIterator[Upstream]:
    """A new audience of which a platform has said that these are its members."""
    async with adobe(folder) as world, producing(cluster) as producer:
        audience = await world.made()
        settings = _settings(world, cluster, namespace, audience)
        await create_topics(cluster, settings.sources[0].topic)
        upstream = Upstream(world=world, audience=audience, settings=settings, producer=producer)
        await upstream.says(members)
        yield upstream


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Pipeline]:
    """Both stages in this process, until the end of the block."""
    await prepare(settings, creates=True)
    async with assemble(settings, ("ingest", "snapshot")) as pipeline:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for group in pipeline.groups.values():
                tasks.create_task(group.run(stop))
            try:
                yield pipeline
            finally:
                stop.set()


def shown(pipeline: Pipeline) -> Mapping[str, object]:
    """What the status says of the only audience."""
    found = status.status(pipeline)["snapshots"]
    assert isinstance(found, dict)
    [audience] = found["adobe"]["audiences"].values()
    assert isinstance(audience, dict)
    return audience


def _event(member: str, action: str) -> bytes:
    identities = [{"email": f"{member}@example.com"}]
    return json.dumps(
        {
            "event_id": f"{member}-{action}",
            "audience": NAME,
            "action": action,
            "occurred_at": "2026-11-22T10:15:00Z",
            "member": {"id": member, "country": "US", "identities": identities},
        }
    ).encode()


def _settings(world: Adobe, cluster: Cluster, namespace: str, audience: str) -> Settings:
    section = document(world.simulator.url, world.simulator.token_url, world.files, snapshot=QUICK)
    target = {
        "destination": "adobe",
        "external_audience_id": audience,
        "identity": {"namespace": "email_lc_sha256", "from": "email"},
    }
    return settings_from(
        {
            "kafka": {
                "bootstrap_servers": cluster.bootstrap_servers,
                "namespace": namespace,
                "exactly_once": not isinstance(cluster, EmbeddedBroker),
                "session_timeout_ms": 6000,
                "heartbeat_interval_ms": 1000,
            },
            "sources": [{"topic": f"{namespace}-cdp", "format": "native"}],
            "destinations": {"adobe": section},
            "audiences": [{"audience": NAME, "destinations": [target]}],
        },
        world.files,
    )
