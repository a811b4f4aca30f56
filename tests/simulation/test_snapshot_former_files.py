"""Files of who left the configuration hold people: they go in time, and nothing else goes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from pipeline.stages.snapshot.files import path_of
from pipeline.stages.snapshot.ports import StorageRefused, StoredFile
from pipeline.stages.snapshot.worker import SWEEP_SECONDS
from tests.fakes.snapshot_partner import RunMoods
from tests.fakes.snapshot_rules import audience_called
from tests.fakes.snapshot_world import QUICK, SnapshotWorld
from tests.simulation.test_snapshot_doubts import owned_until
from tests.simulation.test_snapshot_steps import DAY, HOUR, VIP, names, owned, states, told

KEPT = 2 * HOUR
RULES = replace(QUICK, keep_files=KEPT)
SWEEP = SWEEP_SECONDS + 60.0


def there(world: SnapshotWorld, folder: str = VIP.folder) -> list[str]:
    return [one.path for one in world.storage.visible(folder)]


def test_the_files_of_an_audience_that_left_go_as_long_after_their_runs_as_others() -> None:
    """The configuration says how long, and nobody has to remember them."""

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "ended")
        world.audiences = []
        await owned(world, KEPT - 600)
        assert len(there(world)) == 1
        await owned(world, SWEEP)

    with capture_logs() as lines:
        world = told(story, RULES)

    assert there(world) == []
    [line] = [one for one in lines if one["event"] == "former files deleted"]
    assert (line["audience"], line["folder"], line["count"]) == (VIP.audience, VIP.folder, 1)


@pytest.mark.parametrize("state", ["intended", "running"])
def test_a_file_that_the_partner_may_be_reading_stays_for_a_day_more(state: str) -> None:
    """Nobody follows its run any more, so nobody hears of its end."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=float(state == "intended"))
        await owned_until(world, state)
        world.audiences = []
        await owned(world, DAY)
        assert len(there(world)) == 1
        await owned(world, KEPT + SWEEP)

    assert there(told(story, RULES)) == []


def test_a_file_that_no_run_was_asked_for_goes_at_once() -> None:
    """Nothing will ever read it."""

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "uploaded")
        world.audiences = []
        await owned(world, 60.0)

    assert there(told(story, RULES)) == []


def test_an_audience_that_comes_back_after_its_file_went_makes_another_one() -> None:
    """It may have left by mistake."""

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "uploaded")
        audiences, world.audiences = world.audiences, []
        await owned(world, 60.0)
        world.audiences = audiences
        await owned(world, HOUR)

    world = told(story, RULES)

    assert len(world.storage.puts) == 2
    assert world.is_delivered()


def test_files_in_a_folder_that_an_audience_had_before_go_in_time() -> None:
    """It got another name, and is blocked until it has its own again; nobody waits for that."""

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "ended")
        world.audiences = [replace(VIP, folder="renamed")]
        world.members.state(VIP.audience, "new")
        await owned(world, KEPT - 600)
        assert len(there(world)) == 1
        await owned(world, HOUR)
        assert [*there(world), *there(world, "renamed")] == []
        world.audiences = [VIP]
        await owned(world, HOUR)

    world = told(story, RULES)

    assert len(there(world)) == 1
    assert world.is_delivered()


def test_a_run_of_a_file_in_a_folder_that_is_not_used_any_more_finds_its_file() -> None:
    """The partner may read it as long as the run goes on."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=1.0)
        await owned_until(world, "running")
        [run] = world.partner.runs
        run.ends += 12 * HOUR
        world.audiences = [replace(VIP, folder="renamed")]
        await owned(world, 11 * HOUR)

    world = told(story, RULES)

    assert names(world)[-1] == "running"
    assert len(there(world)) == 1


def test_what_is_not_ours_by_its_name_its_folder_and_its_number_stays() -> None:
    """Somebody else's file is never deleted, and no file of an owner that came after us."""
    path = path_of(VIP.folder, 1)
    theirs = [
        f"{VIP.folder}/notes.txt",
        f"{VIP.folder}/snapshot-1.csv.bak",
        f"{VIP.folder}/old/snapshot-1.csv",
        f"{VIP.folder}/snapshot-01.csv",
        f"{VIP.folder}/snapshot-99999.csv",
        "elsewhere/snapshot-1.csv",
    ]

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "ended")
        for one in (path, *theirs):
            world.storage.place(one, b"x\n", 1.0)
        world.audiences = []
        await owned(world, DAY)

    world = told(story, RULES)

    assert [*there(world), *there(world, "elsewhere")] == theirs


MADE = replace(VIP, audience="id-made-anew")
"""Under the same name, and so in the same folder."""


async def made_anew(world: SnapshotWorld) -> None:
    """The first audience has had its run, and left; nothing is made of the new one yet."""
    await owned_until(world, "ended")
    world.audiences = [MADE]
    world.partner.folders = {MADE.audience: MADE.folder}
    world.partner.moods = RunMoods(longest_run=1.0)
    world.backlog.worked_off = False
    await owned(world, KEPT + SWEEP)


def test_what_one_audience_left_in_the_folder_of_another_goes_in_time() -> None:
    """Though nothing can be made of the other one yet, which would take it away."""

    async def story(world: SnapshotWorld) -> None:
        await made_anew(world)

    assert there(told(story, RULES)) == []


def test_the_files_of_an_audience_in_the_folder_of_a_former_one_are_its_own() -> None:
    """The former one comes back under another name, and has newer numbers."""

    async def story(world: SnapshotWorld) -> None:
        await made_anew(world)
        world.backlog.worked_off = True
        for number in range(10):
            world.members.state(MADE.audience, f"m{number}")
        await owned(world, HOUR)
        for number in range(6):
            world.members.state(MADE.audience, f"m{number}", is_member=False)
        await owned(world, 2 * HOUR)
        [held] = there(world)
        world.audiences = [MADE, replace(VIP, folder="renamed")]
        world.members.state(VIP.audience, "new")
        await owned(world, 2 * HOUR)
        assert states(world)[-1].state == "reading"
        assert there(world) == [held]

    told(story, RULES)


@pytest.mark.parametrize("is_unknown", [False, True])
def test_older_files_go_in_time_while_a_run_is_followed_or_looked_for(*, is_unknown: bool) -> None:
    """That may take hours, or until somebody mends what is wrong."""

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "ended")
        world.members.state(VIP.audience, "new")
        if is_unknown:
            world.partner.moods = RunMoods(lost=1.0)
            await owned_until(world, "intended")
            world.partner.unknown.add(VIP.audience)
        else:
            world.partner.moods = RunMoods(longest_run=1.0)
            await owned_until(world, "running")
            world.partner.runs[-1].ends += DAY
        assert len(there(world)) == 2
        await owned(world, KEPT + SWEEP)

    world = told(story, RULES)

    assert names(world)[-1] == ("intended" if is_unknown else "running")
    assert there(world) == [world.storage.puts[-1]]


def test_a_storage_that_refuses_one_folder_keeps_no_other_and_nobody_else_from_going_on() -> None:
    """It is said, and tried again."""

    async def story(world: SnapshotWorld) -> None:
        other = audience_called("other")
        world.audiences = [VIP, other]
        world.partner.folders[other.audience] = other.folder
        world.members.state(other.audience, "m1")
        await owned(world, HOUR)
        files, refused = world.storage.files, [True]

        async def refusing(folder: str) -> Sequence[StoredFile]:
            if folder == VIP.folder and refused.pop():
                refused.append(asyncio.get_running_loop().time() < 4 * HOUR)
                raise StorageRefused("may not be listed; let it be")
            return await files(folder)

        world.storage.files = refusing  # type: ignore[method-assign]
        world.audiences = []
        await owned(world, KEPT)
        assert len(there(world)) == 1
        assert there(world, other.folder) == []
        await owned(world, 3 * HOUR)

    with capture_logs() as lines:
        world = told(story, RULES)

    assert there(world) == []
    assert "former files stay" in [line["event"] for line in lines]
    assert states(world)[-1].state == "ended"
