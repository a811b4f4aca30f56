"""One destination's snapshots in virtual time: owners that die and freeze, a partner with moods.

What must hold, whatever happens: no window is run twice, no membership is lost, the budget of a day
is never passed, a file is alone in its window, and in the end the partner has the newest members.
"""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from tests.conftest import SEED
from tests.fakes.snapshot_partner import RunMoods
from tests.fakes.snapshot_rules import audience_called
from tests.fakes.snapshot_world import QUICK, SESSION, Process, SnapshotWorld
from tests.fakes.virtual_loop import run_virtual

ONE = [audience_called("one")]
THREE = [audience_called(name) for name in ("one", "two", "three")]
ROUGH = RunMoods(
    not_sent=0.1,
    throttled=0.05,
    lost=0.08,
    silent=0.08,
    late=0.08,
    fails=0.1,
    unlisted=0.1,
    listed_after=40.0,
)
SECONDS_TO_SETTLE = 6 * 3600.0


async def lives(world: SnapshotWorld, process: Process, seconds: float) -> None:
    """Run one owner for so long, or until it dies; nothing of it goes on after that."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.worker(process).run())
        try:
            async with asyncio.timeout(seconds):
                await process.is_dead.wait()
        except TimeoutError:
            pass
        running.cancel()


async def until_delivered(world: SnapshotWorld, seconds: float = SECONDS_TO_SETTLE) -> None:
    """Run one owner until the partner has the members, or so long at most."""
    process = world.process()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.worker(process).run())
        for _ in range(int(seconds / 10)):
            await asyncio.sleep(10.0)
            if world.is_delivered() and world.is_at_rest():
                break
        await asyncio.sleep(60.0)
        running.cancel()


def state_some(world: SnapshotWorld, count: int) -> None:
    """Changes of members, as they come; more and more are there."""
    for _ in range(count):
        audience = world.random.choice(world.audiences).audience
        world.members.state(
            audience,
            f"m{world.random.randrange(200)}",
            is_member=world.random.random() < 0.7,
            is_withdrawal=world.random.random() < 0.02,
        )


async def changes(world: SnapshotWorld, seconds: float) -> None:
    """Something is stated every few minutes."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        state_some(world, world.random.randrange(5))
        await asyncio.sleep(world.random.uniform(0, 600))


def check_what_must_hold(world: SnapshotWorld) -> None:
    partner = world.partner
    assert partner.windows_run_twice() == []
    assert partner.unions == []
    assert partner.most_in_a_day() <= world.rules.runs_per_day
    assert partner.overlapping == []
    assert partner.early == []


def test_what_is_stated_is_ingested() -> None:
    """The first snapshot, a change after it, and a remove."""

    async def story() -> SnapshotWorld:
        async with asyncio.TaskGroup() as tasks:
            world = SnapshotWorld(Random(0), tasks, THREE)
            state_some(world, 300)
            await until_delivered(world)
            assert world.is_delivered()
            world.members.state(ONE[0].audience, "m1", is_member=False)
            world.members.state(ONE[0].audience, "new")
            await until_delivered(world)
        return world

    world = run_virtual(story())

    assert world.is_delivered()
    check_what_must_hold(world)
    assert world.telemetry.counts["run_ended", "adobe", "applied"] == 4


@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_owners_that_die_at_any_time_lose_nothing_and_run_nothing_twice(seed: int) -> None:
    """Each successor goes on with what stands in the topic."""

    async def story() -> SnapshotWorld:
        random = Random(seed)
        async with asyncio.TaskGroup() as tasks:
            world = SnapshotWorld(random, tasks, THREE)
            world.partner.moods = ROUGH
            world.storage.away = 0.02
            world.storage.dates_by_beginning = random.random() < 0.5
            state_some(world, 300)
            stating = tasks.create_task(changes(world, 4 * 3600.0))
            while not stating.done():
                await lives(world, world.process(), random.uniform(5, 3600))
                await asyncio.sleep(random.choice([0.1, SESSION]))
            world.partner.moods = RunMoods()
            world.storage.away = 0.0
            await until_delivered(world, 30 * 3600.0)
        return world

    world = run_virtual(story())

    check_what_must_hold(world)
    assert world.is_delivered()


def test_an_owner_that_dies_between_any_two_of_its_steps_leaves_nothing_behind() -> None:
    """Every call to the outside is tried as the last one, before and after it had its effect."""
    tried, undelivered = 0, []
    for dies_at in range(1, 400):

        async def story(dies_at: int = dies_at) -> tuple[SnapshotWorld, bool]:
            async with asyncio.TaskGroup() as tasks:
                world = SnapshotWorld(Random(dies_at), tasks, ONE)
                state_some(world, 40)
                process = world.process(dies_at=dies_at)
                await lives(world, process, 900.0)
                await asyncio.sleep(SESSION)
                await until_delivered(world)
            return world, process.is_dead.is_set()

        world, has_died = run_virtual(story())
        if not has_died:
            break
        tried += 1
        check_what_must_hold(world)
        if not world.is_delivered():
            undelivered.append(dies_at)

    assert undelivered == []
    assert tried > 60


@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_an_owner_that_wakes_up_beside_its_successor_does_nothing(seed: int) -> None:
    """It was frozen for longer than its session; whatever it did next must not count."""

    async def story() -> SnapshotWorld:
        random = Random(seed)
        async with asyncio.TaskGroup() as tasks:
            world = SnapshotWorld(random, tasks, THREE)
            world.partner.moods = replace(ROUGH, late=0.0)
            state_some(world, 200)
            stating = tasks.create_task(changes(world, 3 * 3600.0))
            frozen: list[asyncio.Task[None]] = []
            while not stating.done():
                process = world.process()
                running = tasks.create_task(world.worker(process).run())
                await asyncio.sleep(random.uniform(5, 1800))
                process.freeze()
                await asyncio.sleep(SESSION)
                process.is_owner = False
                frozen.append(running)
                tasks.create_task(wake(process, random.uniform(0, 900)))
            world.partner.moods = RunMoods()
            await until_delivered(world, 30 * 3600.0)
            for one in frozen:
                one.cancel()
        return world

    async def wake(process: Process, seconds: float) -> None:
        await asyncio.sleep(seconds)
        process.thaw()

    world = run_virtual(story())

    check_what_must_hold(world)
    assert world.is_delivered()


def test_a_small_budget_is_never_passed_and_used_wholly() -> None:
    """More is due than the budget allows: the runs are spread, and none stays unused."""
    rules = replace(QUICK, runs_per_day=4, runs_per_audience_and_day=4, min_interval=60)

    async def story() -> SnapshotWorld:
        async with asyncio.TaskGroup() as tasks:
            world = SnapshotWorld(Random(3), tasks, THREE, rules)
            world.partner.moods = replace(ROUGH, not_sent=0.0)
            stating = tasks.create_task(changes(world, 2 * 86_400.0))
            while not stating.done():
                await lives(world, world.process(), world.random.uniform(60, 20_000))
        return world

    world = run_virtual(story())

    check_what_must_hold(world)
    assert len(world.partner.arrived) >= 4 * 2 - 1
