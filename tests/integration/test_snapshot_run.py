"""From an upstream event to the partner's ingestion: both stages as they run, on real brokers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.app import status
from pipeline.app.assembly import Pipeline, assemble
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.operations.cluster_setup import prepare
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


def event(member: str, action: str = "add") -> bytes:
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


def identity(member: str) -> str:
    return sha256(f"{member}@example.com".encode()).hexdigest()


def settings_of(
    world: Adobe, cluster: Cluster, namespace: str, audience: str, *, exactly_once: bool
) -> Settings:
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
                "exactly_once": exactly_once,
                "session_timeout_ms": 6000,
                "heartbeat_interval_ms": 1000,
            },
            "sources": [{"topic": f"{namespace}-cdp", "format": "native"}],
            "destinations": {"adobe": section},
            "audiences": [{"audience": NAME, "destinations": [target]}],
        },
        world.files,
    )


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


async def until_ingested(
    world: Adobe, audience: str, members: set[str], pipeline: Pipeline
) -> None:
    expected = {identity(member) for member in members}
    try:
        async with asyncio.timeout(PATIENCE):
            while set((await world.simulator.membership()).get(audience, ())) != expected:
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(status.status(pipeline)) from None


def shown(pipeline: Pipeline) -> Mapping[str, object]:
    found = status.status(pipeline)["snapshots"]
    assert isinstance(found, dict)
    [audience] = found["adobe"]["audiences"].values()
    assert isinstance(audience, dict)
    return audience


async def test_what_upstream_states_stands_in_the_file_that_the_partner_ingested(
    cluster: Cluster, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A first snapshot, a change, and one more after a restart: all by the same topic of states."""
    exactly_once = "apache" in request.node.name
    async with adobe(tmp_path) as world, producing(cluster) as producer:
        audience = await world.made()
        settings = settings_of(world, cluster, namespace, audience, exactly_once=exactly_once)
        topic = settings.sources[0].topic
        await create_topics(cluster, topic)
        for member in ("ana", "ben", "eva"):
            await producer.send_and_wait(topic, event(member), key=member.encode())
        async with running(settings) as pipeline:
            await until_ingested(world, audience, {"ana", "ben", "eva"}, pipeline)
            await producer.send_and_wait(topic, event("ben", "remove"), key=b"ben")
            await until_ingested(world, audience, {"ana", "eva"}, pipeline)
        await producer.send_and_wait(topic, event("ida"), key=b"ida")
        async with running(settings) as pipeline:
            await until_ingested(world, audience, {"ana", "eva", "ida"}, pipeline)
            async with asyncio.timeout(PATIENCE):
                while shown(pipeline)["ingested_rows"] != 3:
                    await asyncio.sleep(0.1)
            assert shown(pipeline)["cause"] is None

        totals = await world.simulator.totals()
        # The restart may fall between the answer that a run has ended and its being written down.
        asked_again = totals["violations"].pop("asked_after_end")
        assert asked_again <= 1, totals["violation_examples"]
        assert not any(totals["violations"].values()), totals["violation_examples"]
    assert world.counts()["runs.start"] == 3
