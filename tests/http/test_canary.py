"""The canary against the simulated partner, over HTTP: made, ingested twice, and seen there."""

import asyncio
from pathlib import Path
from random import Random

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.operations.snapshots.canary import first_canary, second_canary
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from tests.cli.snapshot_operator import VIP, adobe, audience
from tests.configuration.test_example_files import Example

QUICK = SimulatorOptions(operation_seconds=0.0, run_seconds=(0.1, 0.2))


async def shortened(seconds: float) -> None:
    """Half a minute between questions is a moment here; a file's window must really pass."""
    await asyncio.sleep(min(seconds, 0.2))


def configured(folder: Path, simulator: AdobeSimulator, files: Path) -> Settings:
    said = adobe(
        api_url=simulator.url,
        token_url=simulator.token_url,
        storage={"kind": "folder", "path": str(files)},
        snapshot={"window_seconds": 1},
    )
    example = Example().put("destinations.adobe-prod", said)
    example.put("audiences.1", audience("gold-customers", VIP))
    return load(example.write(folder), {})


async def test_absence_from_the_second_file_is_there_to_be_seen(tmp_path: Path) -> None:
    told: list[str] = []
    files = tmp_path / "files"
    files.mkdir()
    async with AdobeSimulator(files=files, random=Random(1), options=QUICK) as simulator:
        settings = configured(tmp_path, simulator, files)

        first = await first_canary(settings, None, told.append, shortened)
        both = (await simulator.membership())[first.audience_id]
        second = await second_canary(settings, None, first.audience_id, told.append, shortened)
        left = (await simulator.membership())[first.audience_id]

    assert (first.members, second.members) == (2, 1)
    assert len(both) == 2
    assert list(left) == list(both)[:1]
    assert first.audience_id in told[0]


async def test_an_audience_that_is_there_already_is_not_made_twice(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    async with AdobeSimulator(files=files, random=Random(1), options=QUICK) as simulator:
        settings = configured(tmp_path, simulator, files)
        first = await first_canary(settings, "adobe-prod", lambda _: None, shortened)
        again = await first_canary(settings, "adobe-prod", lambda _: None, shortened)

        assert list(await simulator.membership()) == [first.audience_id]
        assert again.audience_id == first.audience_id
