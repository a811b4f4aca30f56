"""Snapshots where others err: lists, operators, requests at a bad moment, stored records."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from pipeline.destinations.snapshots import Run, RunAnswer, Window
from pipeline.domain.job import NotYet
from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.stages.ports import Ownership
from pipeline.stages.snapshot.judge import HEALED
from pipeline.stages.snapshot.making_order import TURN_AUDIENCES, MakingOrder
from pipeline.stages.snapshot.operator_requests import encode_start, request_key
from pipeline.stages.snapshot.owner import AudienceOwner
from pipeline.stages.snapshot.ports import StoredFile
from pipeline.stages.snapshot.report import SnapshotReport
from pipeline.stages.snapshot.run_records import KEEP_RUNS_SECONDS, TAKEOVER_KEY
from tests.fakes.lane_world import TopicRecord
from tests.fakes.snapshot_partner import FakeRun, RunMoods
from tests.fakes.snapshot_rules import audience_called
from tests.fakes.snapshot_world import QUICK, SESSION, SnapshotWorld
from tests.simulation.test_snapshot_steps import DAY, HOUR, VIP, names, owned, states, told


def test_a_run_that_a_list_is_too_short_for_is_not_taken_for_the_last() -> None:
    """The partner lists the newest 20 runs; those that others started stand before ours."""

    async def story(world: SnapshotWorld) -> None:
        listed = world.partner.list

        async def cut(audience: str) -> Sequence[Run] | NotYet:
            runs = await listed(audience)
            ours = {run.run_id for run in world.partner.runs if not run.run_id.startswith("ui")}
            if isinstance(runs, NotYet) or len(world.partner.runs) < 20:
                return runs
            return [run for run in runs if run.run_id not in ours]

        world.partner.list = cut  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            while names(world)[-1:] != ["running"]:
                await asyncio.sleep(0.1)
            now = asyncio.get_running_loop().time()
            world.partner.runs += [
                FakeRun(
                    run_id=f"ui-{number}",
                    audience=VIP.audience,
                    window=replace(world.partner.arrived[0][2], start_s=number, end_s=number + 1),
                    began=now + 1,
                    ends=now + 2,
                    end="applied",
                    listed_from=now,
                )
                for number in range(20)
            ]
            await asyncio.sleep(HOUR / 6)
            running.cancel()

    world = told(story)

    [first] = [one for one in states(world) if one.state == "ended"][:1]
    assert first.is_due_again


def test_a_request_for_a_file_that_waits_keeps_the_runs_that_are_kept_for_it() -> None:
    """The file makes way for a newer one, and that is as urgent as the operator said."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.limit = 0
        await owned(world, HOUR / 2)
        assert names(world)[-1] == "uploaded"
        world.topic.append(request_key(VIP.audience), encode_start(at_ms=0))
        await owned(world, HOUR / 2)

    world = told(story)

    assert states(world)[-1].is_urgent


def test_a_list_that_cannot_be_read_while_old_files_go_stops_no_audience() -> None:
    """Whatever is wrong with one audience, the others go on."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        while names(world)[-1:] != ["burnt"]:
            await owned(world, 400.0)
        world.partner.moods = RunMoods()
        listed, calls = world.partner.list, 0

        async def broken(audience: str) -> Sequence[Run] | NotYet:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise RecursionError
            return await listed(audience)

        world.partner.list = broken  # type: ignore[method-assign]
        before = takeovers(world)
        await owned(world, HOUR)
        # Begun once: it was no trouble of the whole destination.
        assert takeovers(world) == before + 1

    assert told(story).is_delivered()


def takeovers(world: SnapshotWorld) -> int:
    return sum(one.key == TAKEOVER_KEY for one in world.topic.records)


def test_a_run_that_is_still_followed_is_not_forgotten() -> None:
    """An audience that comes back after a long time goes on from its last state."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=10_000.0)
        while names(world)[-1:] != ["running"]:
            await owned(world, 60.0)
        audiences, world.audiences = world.audiences, []
        await asyncio.sleep(KEEP_RUNS_SECONDS)
        await owned(world, 60.0)
        world.audiences = audiences
        world.members.state(VIP.audience, "new")
        await owned(world, HOUR)

    world = told(story)

    assert "ended" in names(world)
    assert world.is_delivered()


def test_a_file_in_a_folder_that_is_not_used_any_more_makes_way_at_once() -> None:
    """The folder is named after the audience, and upstream may give that another name."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.limit = 0
        await owned(world, HOUR / 2)
        world.partner.limit = 1000
        world.audiences = [replace(VIP, folder="renamed")]
        world.partner.folders = {VIP.audience: "renamed"}
        await owned(world, HOUR)

    world = told(story)

    assert world.storage.visible("renamed")
    assert world.is_delivered()


def test_what_a_former_owner_heals_late_makes_a_pass_due_where_nobody_shut_it_out() -> None:
    """It may stand behind something newer, which compaction would let go."""
    passes: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        world.is_alone = False
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(HOUR)
            _heal_late(world)
            await asyncio.sleep(8 * HOUR)
            passes.append(world.passes.healed)
            running.cancel()

    world = told(story)

    assert passes == [1]
    assert len(world.partner.arrived) == 1, "nothing about a member has changed"


def test_what_an_owner_heals_makes_no_other_pass_due_where_others_are_shut_out() -> None:
    """A pass would else be followed by another for every audience, at every start."""
    passes: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(HOUR)
            _heal_late(world)
            await asyncio.sleep(8 * HOUR)
            passes.append(world.passes.healed)
            running.cancel()

    told(story)

    assert passes == [0]


def _heal_late(world: SnapshotWorld) -> None:
    """An older statement about a member, written again behind a newer one."""
    key = member_key(VIP.audience, "m1")
    partition = world.members.records[partition_of(key)]
    old = MemberRecord(True, 0, Place("cdp", 0, 0, 0), "r1", "m1")
    now_ms = int(asyncio.get_running_loop().time() * 1000)
    partition.append(
        TopicRecord(len(partition), key, encode_member(old), (HEALED,), timestamp=now_ms)
    )


@pytest.mark.parametrize("work", ["choosing", "reporting"])
def test_others_in_the_process_get_their_turn_among_a_thousand_audiences(work: str) -> None:
    """While the next one is chosen, and while telemetry is told of each."""
    turns = 0

    async def story(world: SnapshotWorld) -> None:
        nonlocal turns
        shared = world.shared(world.process())
        owners = [
            AudienceOwner(shared, one, shared.watch.watch(one.audience, {}, {}))
            for one in (audience_called(f"a{number}") for number in range(1000))
        ]
        await shared.members.look()
        async with asyncio.TaskGroup() as tasks:
            order = MakingOrder(shared, owners, world.backlog, tasks)
            report = SnapshotReport(shared, owners)
            going_on = tasks.create_task(order._next() if work == "choosing" else report._say())
            while not going_on.done():
                turns += 1
                await asyncio.sleep(0)

    told(story)

    assert turns >= 1000 / TURN_AUDIENCES


def test_a_successor_looks_only_through_the_runs_that_count() -> None:
    """Runs are kept for 90 days, and the budget is asked for every audience at every look."""
    kept: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        for number in range(20):
            await asyncio.sleep(DAY)
            world.members.state(VIP.audience, f"new-{number}")
            await owned(world, HOUR)
        await asyncio.sleep(2 * DAY)
        process = world.process()
        shared = world.shared(process)
        world.shared = lambda process: shared  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(process).run())
            await asyncio.sleep(20.0)
            kept.append(len(shared.budget._paid))
            running.cancel()

    told(story)

    assert kept == [0]


def test_files_go_in_time_while_a_newer_one_is_held() -> None:
    """Whoever may read the storage finds nobody there for longer than the configuration says."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        for number in range(6):
            world.members.state(VIP.audience, f"m{number}", is_member=False)
        await owned(world, 12 * HOUR)

    world = told(story, replace(QUICK, keep_files=2 * HOUR))

    [held] = world.storage.visible(VIP.folder)
    assert states(world)[-1].hold is not None
    assert held.path == world.storage.puts[-1]


def test_a_file_that_a_former_owner_goes_on_to_store_never_becomes_visible() -> None:
    """Dated by its beginning it could stand in the window of the successor's file."""

    async def story(world: SnapshotWorld) -> None:
        world.storage.dates_by_beginning = True
        put, start = world.storage.put, world.partner.start
        is_frozen, is_woken, is_asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow(path: str, pieces: AsyncIterator[bytes]) -> StoredFile:
            async def slowly() -> AsyncIterator[bytes]:
                async for piece in pieces:
                    yield piece
                await is_asked.wait()

            if is_frozen.is_set():
                is_woken.set()
                return await put(path, pieces)
            is_frozen.set()
            await is_woken.wait()
            return await put(path, slowly())

        async def asked(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            is_asked.set()
            await asyncio.sleep(20.0)
            return await start(audience, window, ownership)

        world.storage.put = slow  # type: ignore[method-assign]
        world.partner.start = asked  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            former = world.process()
            running = tasks.create_task(world.worker(former).run())
            await is_frozen.wait()
            await asyncio.sleep(SESSION)
            former.is_owner = False
            await owned(world, HOUR)
            running.cancel()

    world = told(story)

    assert world.partner.unions == []
    assert len(world.storage.puts) == 1
    assert world.is_delivered()
