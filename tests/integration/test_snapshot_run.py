"""From an upstream event to the partner's ingestion: both stages as they run, on real brokers."""

import asyncio
from pathlib import Path

from tests.conftest import Cluster
from tests.integration.snapshot_world import PATIENCE, running, shown, upstream_of


async def test_what_upstream_states_stands_in_the_file_that_the_partner_ingested(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """A first snapshot, a change, and one more after a restart: all by the same topic of states."""
    three = ("ana", "ben", "eva")
    async with upstream_of(cluster, namespace, tmp_path, three) as upstream:
        async with running(upstream.settings) as pipeline:
            await upstream.until_ingested(three, pipeline)
            await upstream.says(["ben"], "remove")
            await upstream.until_ingested(["ana", "eva"], pipeline)
        await upstream.says(["ida"])
        async with running(upstream.settings) as pipeline:
            await upstream.until_ingested(["ana", "eva", "ida"], pipeline)
            async with asyncio.timeout(PATIENCE):
                while shown(pipeline)["ingested_rows"] != 3:
                    await asyncio.sleep(0.1)
            assert shown(pipeline)["cause"] is None

        totals = await upstream.world.simulator.totals()
        # The restart may fall between the answer that a run has ended and its being written down.
        asked_again = totals["violations"].pop("asked_after_end")
        assert asked_again <= 1, totals["violation_examples"]
        assert not any(totals["violations"].values()), totals["violation_examples"]
    assert upstream.world.counts()["runs.start"] == 3
