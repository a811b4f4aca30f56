"""What operators ask of snapshots and are shown of them, beside a running owner on real brokers."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pipeline.configuration.model import Settings
from pipeline.operations.snapshots.listing import SnapshotLine, ledger_of_snapshots, show_snapshot
from pipeline.operations.snapshots.requests import approve_snapshot, find_held, start_snapshot
from tests.conftest import Cluster
from tests.http.adobe_world import NAME, adobe
from tests.integration.test_snapshot_run import (
    PATIENCE,
    event,
    running,
    settings_of,
    until_ingested,
)
from tests.servers.kafka_clients import create_topics, producing

FOUR = {"ana", "ben", "eva", "ida"}


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await is_so():
            await asyncio.sleep(0.3)


async def shown(settings: Settings) -> SnapshotLine:
    [line] = (await show_snapshot(settings, NAME, None)).audiences
    return line


async def test_a_start_is_obeyed_and_a_held_file_goes_once_it_is_approved(
    cluster: Cluster, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """
    Three of four members leave: the file is kept back, although removals explain it.
    """
    exactly_once = "apache" in request.node.name
    async with adobe(tmp_path) as world, producing(cluster) as producer:
        audience = await world.made()
        settings = settings_of(world, cluster, namespace, audience, exactly_once=exactly_once)
        topic = settings.sources[0].topic
        await create_topics(cluster, topic)
        for member in FOUR:
            await producer.send_and_wait(topic, event(member), key=member.encode())
        async with running(settings) as pipeline:
            await until_ingested(world, audience, FOUR, pipeline)

            async def is_ingested() -> bool:
                return (await shown(settings)).ingested == len(FOUR)

            await until(is_ingested)
            await start_snapshot(settings, NAME, None)

            async def is_run_again() -> bool:
                return world.counts()["runs.start"] == 2

            await until(is_run_again)
            for member in FOUR - {"ana"}:
                await producer.send_and_wait(topic, event(member, "remove"), key=member.encode())

            async def is_held() -> bool:
                line = await shown(settings)
                return (line.state, line.in_file) == ("held", 1)

            await until(is_held)
            held = await find_held(settings, audience, "adobe")
            before = set((await world.simulator.membership())[audience])
            await approve_snapshot(settings, held)
            await until_ingested(world, audience, {"ana"}, pipeline)

            async def is_told() -> bool:
                [line] = await ledger_of_snapshots(settings)
                return (line.state, line.ingested) == ("ended", 1)

            await until(is_told)
            metrics = pipeline.telemetry.metrics
            runs = (await show_snapshot(settings, NAME, None)).runs

    assert len(before) == len(FOUR)
    assert "removals explain it" in held.reason
    assert [run.end for run in runs] == ["applied"] * 3
    assert metrics.value("audience_snapshot_owner", destination="adobe") == 0
    assert metrics.value("audience_snapshot_runs_total", destination="adobe", end="applied") == 3
