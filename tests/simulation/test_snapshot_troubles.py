"""Snapshots where others err: lists, operators, requests at a bad moment, stored records."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from pipeline.destinations.snapshots import BudgetSpent, Run, RunAnswer, Window
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.domain.send_result import BlockCause
from pipeline.stages.ports import Ownership
from pipeline.stages.snapshot.healed import healed
from pipeline.stages.snapshot.making_order import TURN_AUDIENCES, MakingOrder
from pipeline.stages.snapshot.operator_requests import encode_start, request_key
from pipeline.stages.snapshot.owner import AudienceOwner
from pipeline.stages.snapshot.ports import Fenced, StoredFile, TopicUnreadable, Written
from pipeline.stages.snapshot.report import SnapshotReport
from pipeline.stages.snapshot.run_records import KEEP_RUNS_SECONDS, TAKEOVER_KEY
from tests.fakes.member_topic import MemoryMemberTopic
from tests.fakes.snapshot_partner import FakeRun, RunMoods
from tests.fakes.snapshot_rules import audience_called
from tests.fakes.snapshot_world import QUICK, SESSION, SnapshotWorld
from tests.simulation.test_snapshot_steps import DAY, HOUR, VIP, names, owned, paid, states, told


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


@pytest.mark.parametrize("waits", [False, True])
def test_an_audience_that_gets_another_folder_is_blocked_until_it_has_its_own_again(
    waits: bool,
) -> None:
    """The folder is named after the audience, and the partner looks into none but the first.

    A run that finds no file there may end well, and its removals would count as ingested.
    """
    shown: list[Mapping[str, object]] = []

    async def story(world: SnapshotWorld) -> None:
        world.partner.limit = 0 if waits else 1000
        await owned(world, HOUR / 2)
        world.partner.limit = 1000
        before = len(world.partner.arrived)
        world.members.state(VIP.audience, "m1", is_member=False)
        world.audiences = [replace(VIP, folder="renamed")]
        worker = world.worker(world.process())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(worker.run())
            await asyncio.sleep(HOUR)
            shown.append(_audience_in(worker.status()))
            running.cancel()
        assert len(world.partner.arrived) == before
        world.audiences = [VIP]
        await owned(world, HOUR)

    world = told(story)

    assert [(one["state"], one["cause"]) for one in shown] == [("blocked", "other_folder")]
    assert world.storage.visible("renamed") == []
    assert world.is_delivered()


def _audience_in(status: Mapping[str, object]) -> Mapping[str, object]:
    audiences = status["audiences"]
    assert isinstance(audiences, dict)
    [found] = audiences.values()
    assert isinstance(found, dict)
    return found


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
    old = MemberRecord(True, 0, Place("cdp", 0, 0, 0), "r1", "m1")
    now_ms = int(asyncio.get_running_loop().time() * 1000)
    topic = world.members.topic
    mark = healed(topic.next_offsets.get(partition_of(key), 0))
    topic.append(partition_of(key), key, encode_member(old), mark, now_ms)


@pytest.mark.parametrize("is_withdrawal", [False, True])
def test_a_remove_of_which_only_what_was_written_again_is_left_is_a_change_for_a_successor(
    is_withdrawal: bool,
) -> None:
    """A late add came behind it, a pass wrote it again, and compaction let the others go."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        assert world.is_delivered()
        world.members.state(VIP.audience, "m1", is_member=False, is_withdrawal=is_withdrawal)
        _leave_only_what_is_healed(world, "m1")
        await owned(world, HOUR)

    world = told(story)

    assert world.is_delivered()


def test_what_the_pass_of_an_ingested_file_wrote_again_is_no_change_for_a_successor() -> None:
    """Each start would else cost every audience a run."""

    async def story(world: SnapshotWorld) -> None:
        world.members.state(VIP.audience, "m1", is_member=False)
        await owned(world, HOUR)
        _leave_only_what_is_healed(world, "m1")
        await owned(world, HOUR)

    world = told(story)

    assert len(world.partner.arrived) == 1


def test_members_are_healed_in_time_while_nobody_says_what_became_of_a_run() -> None:
    """Compaction does not wait for the partner, and would let a winner go meanwhile."""
    passes: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        async with _removed_while_in_doubt(world):
            await asyncio.sleep(7 * HOUR)
            passes.append(world.passes.healed)

    told(story)

    assert passes == [1]


def test_a_pass_that_cannot_be_made_is_tried_again_and_again_but_not_all_the_time() -> None:
    """Nothing else would get its turn."""
    asked: list[float] = []

    async def story(world: SnapshotWorld) -> None:
        def away() -> None:
            asked.append(asyncio.get_running_loop().time())
            raise TopicUnreadable("brokers are away")

        async with _removed_while_in_doubt(world):
            await asyncio.sleep(5 * HOUR)
            world.members.topic.asked = away
            await asyncio.sleep(3 * HOUR)

    told(story)

    ours = [at for at in asked if at > asked[0] + 2 * HOUR]
    # Each minute once for changes and once for the topic itself, and for the pass.
    assert 160 < len(ours) < 220


@asynccontextmanager
async def _removed_while_in_doubt(world: SnapshotWorld) -> AsyncIterator[None]:
    """An owner of which nobody says whether its run began; then a member is removed."""
    world.partner.moods = RunMoods(silent=1.0, unlisted=1.0, answer=0.0)
    _only_first_list(world)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.worker(world.process()).run())
        while names(world)[-1:] != ["intended"]:
            await asyncio.sleep(0.1)
        world.members.state(VIP.audience, "m1", is_member=False)
        yield
        running.cancel()


def _only_first_list(world: SnapshotWorld) -> None:
    """The list as it was before the first run; then none can be had."""
    listed, asked = world.partner.list, 0

    async def first(audience: str) -> Sequence[Run] | NotYet:
        nonlocal asked
        asked += 1
        return [] if asked == 1 else await listed(audience)

    world.partner.list = first  # type: ignore[method-assign]


def _leave_only_what_is_healed(world: SnapshotWorld, member: str) -> None:
    """A pass that has read everything writes the last word on a member again; then compaction."""
    key = member_key(VIP.audience, member)
    topic, partition = world.members.topic, partition_of(key)
    end = topic.ends_now()[partition]
    [*_, last] = [one for one in topic.logs[partition] if one.key == key]
    now_ms = int(asyncio.get_running_loop().time() * 1000)
    topic.append(partition, key, last.value, healed(end), now_ms)
    topic.compact(topic.ends_now())


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


def test_an_audience_that_has_had_its_own_runs_keeps_no_other_waiting() -> None:
    """The partner says of one that its runs are used up, in the words for all of them."""
    other = audience_called("other")

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start

        async def limited(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            if audience == VIP.audience:
                return BudgetSpent("limit of ingestions per audience reached")
            return await start(audience, window, ownership)

        world.partner.start = limited  # type: ignore[method-assign]
        world.audiences = [VIP, other]
        world.partner.folders[other.audience] = other.folder
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            for number in range(24):
                world.members.state(other.audience, f"o{number}")
                await asyncio.sleep(HOUR)
            running.cancel()

    world = told(story)

    others = [at for at, audience, _ in world.partner.arrived if audience == other.audience]
    assert len(others) >= 12


@pytest.mark.parametrize("listed_after", [0.0, 20.0, 110.0])
def test_a_run_that_began_although_it_was_refused_is_followed_and_paid_for(
    listed_after: float,
) -> None:
    """Something on the way repeats a request, and hands back what the second one is told."""

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start
        world.partner.moods = RunMoods(longest_run=40.0)

        async def twice(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            await start(audience, window, ownership)
            [run] = world.partner.runs
            run.ends = max(run.ends, run.began + 20)
            run.listed_from = run.began + listed_after
            return await start(audience, window, ownership)

        world.partner.start = twice  # type: ignore[method-assign]
        await owned(world, HOUR)

    world = told(story)

    assert len(world.partner.arrived) == paid(world) == 1
    assert names(world)[-2:] == ["running", "ended"]
    assert world.is_delivered()


def test_what_kept_a_run_from_being_asked_about_is_not_shown_once_it_is_told() -> None:
    """Whoever looks into it would look into what is over."""
    shown: list[object] = []

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=3 * HOUR)
        worker = world.worker(world.process())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(worker.run())
            while names(world)[-1:] != ["running"]:
                await asyncio.sleep(1.0)
            for unlisted in (1.0, 0.0):
                world.partner.moods = RunMoods(unlisted=unlisted)
                await asyncio.sleep(300.0)
                shown.append(_audience_in(worker.status())["cause"])
            assert names(world)[-1:] == ["running"]
            running.cancel()

    told(story)

    assert shown == ["run_not_told", None]


def test_a_list_that_still_shows_a_run_whose_end_was_told_keeps_no_other_one_waiting() -> None:
    """The status of a run may be ahead of the list, or the list may know another word for it."""

    async def story(world: SnapshotWorld) -> None:
        listed = world.partner.list

        async def behind(audience: str) -> Sequence[Run] | NotYet:
            runs = await listed(audience)
            assert not isinstance(runs, NotYet)
            going_on = JobReport(state="", end="pending")
            return [replace(run, report=going_on) for run in runs]

        world.partner.list = behind  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            for number in range(3):
                await asyncio.sleep(2 * HOUR)
                world.members.state(VIP.audience, f"m{number}", is_member=False)
            await asyncio.sleep(2 * HOUR)
            running.cancel()

    world = told(story)

    assert len(world.partner.arrived) == 4
    assert names(world).count("running") == 4, "none was asked for twice"
    assert world.is_delivered()


@pytest.mark.parametrize("cause", ["not_found", "forbidden", "unauthorised"])
def test_an_audience_whose_runs_only_a_person_can_have_shown_is_blocked_before_it_is_paid_for(
    cause: BlockCause,
) -> None:
    """It was deleted, or has expired, or the credential may not see it: no other try mends that."""
    shown: list[object] = []

    async def story(world: SnapshotWorld) -> None:
        async def refused(audience: str) -> Sequence[Run] | NotYet:
            return NotYet("4xx: the partner's words", cause=cause)

        world.partner.list = refused  # type: ignore[method-assign]
        worker = world.worker(world.process())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(worker.run())
            await asyncio.sleep(HOUR)
            found = _audience_in(worker.status())
            shown.extend([found["state"], found["cause"], found["detail"]])
            running.cancel()

    world = told(story)

    assert shown == ["blocked", cause, "4xx: the partner's words"]
    assert paid(world) == 0


def test_who_withdrew_while_a_file_waited_for_its_run_is_in_no_run() -> None:
    """It may wait for hours until the partner or the budget lets it go, or a person does."""
    sent: list[bytes] = []

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start

        async def watched(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            sent.extend(
                world.storage.content(file.path)
                for file in world.storage.visible(VIP.folder)
                if window.start_s < file.modified_s < window.end_s
            )
            return await start(audience, window, ownership)

        world.partner.limit = 0
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(HOUR / 2)
            world.members.state(VIP.audience, "m1", is_member=False, is_withdrawal=True)
            world.partner.start = watched  # type: ignore[method-assign]
            world.partner.limit = 1000
            await asyncio.sleep(2 * HOUR)
            running.cancel()

    world = told(story)

    assert world.is_delivered()
    assert sent
    assert not any(b"m1\n" in content for content in sent)


def test_a_transaction_that_never_ends_is_shown_with_its_age_and_said() -> None:
    """No pass sees what stands behind it, so nothing else would ever say that something waits."""
    shown: list[object] = []
    key = member_key(VIP.audience, "behind")

    async def story(world: SnapshotWorld) -> None:
        async with asyncio.TaskGroup() as tasks:
            worker = world.worker(world.process())
            running = tasks.create_task(worker.run())
            await asyncio.sleep(HOUR)
            partition = partition_of(key)
            topic = world.members.topic
            topic.open_at[partition] = topic.ends_now()[partition]
            world.members.state(VIP.audience, "behind")
            await asyncio.sleep(HOUR)
            shown.append(world.telemetry.levels["transaction_open", "adobe"])
            shown.append(worker.status()["open_transactions"])
            topic.open_at.clear()
            await asyncio.sleep(HOUR)
            shown.append(world.telemetry.levels["transaction_open", "adobe"])
            running.cancel()

    with capture_logs() as lines:
        world = told(story)

    age, by_partition, afterwards = shown
    assert isinstance(age, float)
    assert HOUR - 120 < age <= HOUR
    assert isinstance(by_partition, dict)
    assert list(by_partition) == [partition_of(key)]
    assert afterwards == 0
    assert [line["log_level"] for line in lines if "transaction" in line["event"]] == ["error"]
    assert world.is_delivered()


def test_an_owner_that_is_given_up_in_the_moment_when_it_is_shut_out_ends() -> None:
    """
    Otherwise it would take over again, and wait for ever for a lease that it has lost; so would the
    next owner in this process, which waits for its end, and a stop.
    """
    ended: list[bool] = []

    async def story(world: SnapshotWorld) -> None:
        process = world.process()
        write = process.write

        async def given_up(messages: Sequence[Written]) -> Sequence[int]:
            if names(world):
                process.write = write  # type: ignore[method-assign]
                running.cancel()
                raise Fenced
            return await write(messages)

        process.write = given_up  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(process).run())
            await asyncio.wait([running], timeout=HOUR)
            ended.append(running.cancelled())
            running.cancel()

    told(story)

    assert ended == [True]


def test_an_owner_that_is_cancelled_again_while_it_closes_closes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A stop that takes too long cancels once more. What writes for an owner would go on without it.
    """
    closed: list[str] = []

    async def story(world: SnapshotWorld) -> None:
        process, is_closing = world.process(), asyncio.Event()

        async def members_close(_: MemoryMemberTopic) -> None:
            is_closing.set()
            await asyncio.get_running_loop().create_future()

        async def writer_closes() -> None:
            closed.append("writer")

        monkeypatch.setattr(MemoryMemberTopic, "close", members_close)
        process.close = writer_closes  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(process).run())
            await asyncio.sleep(HOUR)
            running.cancel()
            await is_closing.wait()
            running.cancel()

    told(story)

    assert closed == ["writer"]
