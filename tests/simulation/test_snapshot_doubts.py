"""Runs of which nobody knows, audiences that are gone, and owners that never live for long."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from pipeline.stages.snapshot.run_records import GIVE_UP_SECONDS
from pipeline.stages.snapshot.states import ABSENT_SECONDS
from tests.fakes.snapshot_partner import RunMoods
from tests.fakes.snapshot_world import SESSION, SnapshotWorld
from tests.simulation.test_snapshot_steps import (
    HOUR,
    VIP,
    names,
    owned,
    paid,
    states,
    told,
    windows,
)


async def owned_until(world: SnapshotWorld, state: str) -> None:
    """Owned until this state is written, and not a moment longer."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.worker(world.process()).run())
        while names(world)[-1:] != [state]:
            await asyncio.sleep(0.1)
        running.cancel()


async def shown_after(world: SnapshotWorld, seconds: float) -> dict[str, object]:
    """What `/status` says of the audience after so long, which is what the metric says."""
    async with asyncio.TaskGroup() as tasks:
        worker = world.worker(world.process())
        running = tasks.create_task(worker.run())
        await asyncio.sleep(seconds)
        status = worker.status()["audiences"]
        metrics = [*world.telemetry.states.values()]
        running.cancel()
    assert isinstance(status, dict)
    [shown] = status.values()
    assert isinstance(shown, dict)
    assert metrics == [shown["state"]]
    return shown


def test_a_run_is_followed_by_the_contract_that_it_was_started_with() -> None:
    """By another one it is not found: it would be asked about in vain until it is given up."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.contract = "old"
        await owned_until(world, "running")
        world.partner.contract = "new"
        await owned(world, HOUR)

    world = told(story)

    assert names(world)[-1] == "ended"
    assert world.is_delivered()


def test_an_audience_that_is_gone_while_a_run_is_in_doubt_is_shown_as_blocked() -> None:
    """No word about the run has come: neither its state nor its charge may change."""
    shown: list[dict[str, object]] = []

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned_until(world, "intended")
        world.partner.unknown.add(VIP.audience)
        shown.append(await shown_after(world, 3 * HOUR))
        assert names(world)[-1] == "intended"
        assert paid(world) == 1
        world.partner.unknown.clear()
        world.partner.moods = RunMoods()
        await owned(world, HOUR)

    world = told(story)

    assert shown[0]["state"] == "blocked"
    assert shown[0]["cause"] == "not_found"
    assert "leaves the configuration" in str(shown[0]["detail"])
    assert "burnt" in names(world)
    assert world.is_delivered()


@pytest.mark.parametrize("state", ["uploaded", "running"])
def test_an_audience_that_is_gone_in_another_state_is_shown_as_blocked_too(state: str) -> None:
    """It is no trouble that passes, so a person is told."""
    shown: list[dict[str, object]] = []

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=3 * HOUR)
        await owned_until(world, state)
        world.partner.unknown.add(VIP.audience)
        shown.append(await shown_after(world, 300.0))
        world.partner.unknown.clear()
        await owned(world, 8 * HOUR)

    world = told(story)

    assert (shown[0]["state"], shown[0]["cause"]) == ("blocked", "not_found")
    assert world.is_delivered()


def test_a_run_alone_that_is_not_found_blocks_nobody() -> None:
    """Its audience is there, so the next snapshot will mend what is wrong, once it is given up."""
    shown: list[dict[str, object]] = []

    async def story(world: SnapshotWorld) -> None:
        await owned_until(world, "running")
        [run] = world.partner.runs
        world.partner.contracts[run.run_id] = "another"
        shown.append(await shown_after(world, 300.0))
        await owned(world, GIVE_UP_SECONDS + HOUR)

    world = told(story)

    assert (shown[0]["state"], shown[0]["cause"]) == ("running", "run_not_told")
    assert world.is_delivered()


def test_what_was_wrong_about_a_run_is_not_shown_any_more_once_the_partner_tells() -> None:
    """It goes on, and nobody has anything to mend."""
    shown: list[dict[str, object]] = []

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=1.0)
        await owned_until(world, "running")
        [run] = world.partner.runs
        run.ends += HOUR
        world.partner.unknown.add(VIP.audience)
        async with asyncio.TaskGroup() as tasks:
            worker = world.worker(world.process())
            running = tasks.create_task(worker.run())
            await asyncio.sleep(120.0)
            world.partner.unknown.clear()
            await asyncio.sleep(120.0)
            status = worker.status()["audiences"]
            assert isinstance(status, dict)
            shown.append(status["vip"])
            running.cancel()

    told(story)

    assert (shown[0]["state"], shown[0]["cause"]) == ("running", None)


def test_a_new_audience_in_the_place_of_one_that_is_gone_begins_at_once() -> None:
    """Nobody asks for the former one any more, and its doubt is no trouble of the new one."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned_until(world, "intended")
        world.partner.moods = RunMoods()
        world.partner.unknown.add(VIP.audience)
        made = replace(VIP, audience="id-made-anew")
        world.audiences = [made]
        world.partner.folders = {made.audience: made.folder}
        for number in range(10):
            world.members.state(made.audience, f"m{number}")
        await owned(world, HOUR)

    world = told(story)

    assert names(world)[-1] == "intended"
    assert world.is_delivered()


@pytest.mark.parametrize("life", [20.0, 60.0, 100.0])
def test_owners_that_never_live_for_long_let_an_audience_wait_no_longer_than_they_must(
    life: float,
) -> None:
    """None of them looks for as long as it takes to burn a window; all of them together do."""
    assert life < ABSENT_SECONDS

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned_until(world, "intended")
        world.partner.moods = RunMoods()
        for _ in range(int(HOUR / (life + SESSION))):
            await owned(world, life)
            await asyncio.sleep(SESSION)

    world = told(story)

    assert names(world).count("burnt") == 1
    assert world.partner.windows_run_twice() == []
    assert world.is_delivered()


def test_what_is_missing_for_owners_in_turn_is_burnt_only_when_it_is_surely_missing_so_long() -> (
    None
):
    """Their clocks may differ: what they saw counts less than what one of them sees alone."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned_until(world, "intended")
        for _ in range(5):
            await owned(world, 50.0)
            await asyncio.sleep(SESSION)

    world = told(story)

    assert "burnt" not in names(world)
    assert states(world)[-1].absent_lists == 3


def test_a_window_is_not_burnt_for_what_was_missing_of_another() -> None:
    """Each window has its time to be listed."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned(world, 2 * HOUR)

    world = told(story)

    found = states(world)
    waits = [
        after.at_ms - (before.intended_ms or 0)
        for before, after in pairwise(found)
        if after.state == "burnt"
    ]
    assert len(waits) >= 2
    assert min(waits) >= ABSENT_SECONDS * 1000
    assert len(set(windows(world))) == len(windows(world))
