"""What operators ask of snapshots and are shown of them, beside a running owner on real brokers."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from pipeline.configuration.model import Settings
from pipeline.operations.snapshots.listing import SnapshotLine, ledger_of_snapshots, show_snapshot
from pipeline.operations.snapshots.requests import approve_snapshot, find_held, start_snapshot
from tests.conftest import Cluster
from tests.http.adobe_world import NAME
from tests.integration.snapshot_world import PATIENCE, running, upstream_of

FOUR = {"ana", "ben", "eva", "ida"}


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await is_so():
            await asyncio.sleep(0.3)


async def shown(settings: Settings) -> SnapshotLine:
    [line] = (await show_snapshot(settings, NAME, None)).audiences
    return line


async def test_a_start_is_obeyed_and_a_held_file_goes_once_it_is_approved(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Three of four members leave: the file is kept back, although removals explain it.
    """
    async with upstream_of(cluster, namespace, tmp_path, FOUR) as upstream:
        settings, world = upstream.settings, upstream.world
        async with running(settings) as pipeline:
            await upstream.until_ingested(FOUR, pipeline)

            async def is_ingested() -> bool:
                return (await shown(settings)).ingested == len(FOUR)

            await until(is_ingested)
            await start_snapshot(settings, NAME, None)

            async def is_run_again() -> bool:
                return world.counts()["runs.start"] == 2

            await until(is_run_again)
            await upstream.says(FOUR - {"ana"}, "remove")

            async def is_held() -> bool:
                line = await shown(settings)
                return (line.state, line.in_file) == ("held", 1)

            await until(is_held)
            held = await find_held(settings, upstream.audience, "adobe")
            before = set((await world.simulator.membership())[upstream.audience])
            await approve_snapshot(settings, held)
            await upstream.until_ingested({"ana"}, pipeline)

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
