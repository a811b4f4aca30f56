"""What an owner of snapshots does in each difficult place, one story each, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

from pipeline.destinations.snapshots import Run, RunAnswer, RunRefused, SnapshotRules, Window
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt
from pipeline.stages.ports import Ownership
from pipeline.stages.snapshot.operator_requests import encode_approve, encode_start, request_key
from pipeline.stages.snapshot.run_records import (
    GIVE_UP_SECONDS,
    AudienceState,
    decode_run,
    decode_state,
    state_key,
)
from tests.fakes.snapshot_partner import FakeRun, RunMoods
from tests.fakes.snapshot_rules import audience_called
from tests.fakes.snapshot_world import QUICK, SESSION, Process, SnapshotWorld
from tests.fakes.virtual_loop import run_virtual

VIP = audience_called("vip")
HOUR = 3600.0
DAY = 24 * HOUR
Story = Callable[[SnapshotWorld], Awaitable[None]]


def told(story: Story, rules: SnapshotRules = QUICK) -> SnapshotWorld:
    """One audience of ten members, and what happens to it."""

    async def whole() -> SnapshotWorld:
        async with asyncio.TaskGroup() as tasks:
            world = SnapshotWorld(Random(1), tasks, [VIP], rules)
            for number in range(10):
                world.members.state(VIP.audience, f"m{number}")
            await story(world)
        return world

    return run_virtual(whole())


async def owned(world: SnapshotWorld, seconds: float, process: Process | None = None) -> None:
    """One process serves the destination for so long, and then dies."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(world.worker(process or world.process()).run())
        await asyncio.sleep(seconds)
        running.cancel()


def states(world: SnapshotWorld) -> list[AudienceState]:
    """Every state that was written of the audience."""
    key = state_key(VIP.audience)
    return [decode_state(one.value or b"") for one in world.topic.records if one.key == key]


def names(world: SnapshotWorld) -> list[str]:
    return [one.state for one in states(world)]


def paid(world: SnapshotWorld) -> int:
    """Runs that count for the budget, as a successor reads it."""
    runs = {one.key: one.value for one in world.topic.records if (one.key or b"")[:2] == b"r|"}
    return sum(decode_run(value or b"").is_charged for value in runs.values())


def windows(world: SnapshotWorld) -> list[Window]:
    return [window for _, _, window in world.partner.arrived]


def test_the_charge_is_durable_before_the_partner_is_asked() -> None:
    """Whoever takes over knows of a run that may be, and so does the budget."""
    seen: list[str] = []

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start

        async def watched(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            seen.append(names(world)[-1])
            return await start(audience, window, ownership)

        world.partner.start = watched  # type: ignore[method-assign]
        await owned(world, HOUR)

    world = told(story)

    assert seen == ["intended"]
    assert world.partner.early == []
    assert names(world) == ["reading", "uploaded", "intended", "running", "ended"]


def test_a_successor_that_finds_an_intended_run_looks_for_it_and_never_asks() -> None:
    """The former owner's request was taken, and its answer came when nobody was there."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(silent=1.0)
        process = world.process()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(process).run())
            while not world.partner.arrived:
                await asyncio.sleep(0.01)
            running.cancel()
        world.partner.moods = RunMoods()
        await asyncio.sleep(SESSION)
        await owned(world, HOUR)

    world = told(story)

    assert len(world.partner.arrived) == 1
    assert names(world) == ["reading", "uploaded", "intended", "running", "ended"]
    assert world.is_delivered()


def test_a_window_that_nobody_lists_is_burnt_and_its_file_is_gone() -> None:
    """Its charge stays, and a new file with a window of its own takes its place."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        while not world.partner.arrived:
            await owned(world, 30.0)
        world.partner.moods = RunMoods()
        await owned(world, HOUR)

    world = told(story)

    first, second = windows(world)
    assert first != second
    assert "burnt" in names(world)
    assert len(world.storage.visible(VIP.folder)) == 1
    assert world.is_delivered()
    assert paid(world) == 2


def test_a_run_of_a_burnt_window_that_is_listed_late_is_followed_and_then_made_good() -> None:
    """It took nothing, or an old file: whatever it left, the newest membership follows."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(lost=1.0)
        await owned(world, 400.0)
        assert names(world)[-1] == "burnt"
        world.partner.moods = RunMoods()
        [window] = windows(world)
        now = asyncio.get_running_loop().time()
        world.partner.runs.append(
            FakeRun(
                run_id="late",
                audience=VIP.audience,
                window=window,
                began=now,
                ends=now + 900,
                end="applied",
                listed_from=now,
            )
        )
        await owned(world, 2 * HOUR)

    world = told(story)

    adopted = [one for one in states(world) if one.is_adopted]
    assert [one.state for one in adopted] == ["running", "ended"]
    assert adopted[-1].is_due_again
    assert world.partner.overlapping == []
    assert world.is_delivered()


def test_after_an_older_run_that_ends_last_another_one_follows() -> None:
    """Then the partner has what that one brought, though ours ended well."""

    async def story(world: SnapshotWorld) -> None:
        while not world.partner.runs:
            await owned_until_run(world)
        now = asyncio.get_running_loop().time()
        world.partner.runs.insert(
            0,
            FakeRun(
                run_id="foreign",
                audience=VIP.audience,
                window=Window(start_s=1, end_s=2),
                began=now - 60,
                ends=now + 2 * HOUR,
                end="applied",
                listed_from=now,
            ),
        )
        await owned(world, 4 * HOUR)

    async def owned_until_run(world: SnapshotWorld) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            while not world.partner.runs:
                await asyncio.sleep(0.1)
            running.cancel()

    world = told(story)

    first, second = [one for one in states(world) if one.state == "ended"]
    assert first.is_due_again
    assert not second.is_due_again
    assert len(world.partner.arrived) == 2
    assert world.partner.overlapping == []


def test_only_a_run_that_ended_well_in_every_stage_clears_what_has_changed() -> None:
    """A failed run is followed by another, after the interval and not before."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(fails=1.0)
        await owned(world, 900)
        world.partner.moods = RunMoods()
        await owned(world, HOUR)

    world = told(story)

    ends = [one.is_due_again for one in states(world) if one.state == "ended"]
    assert ends == [True, False] or ends == [True, True, False]
    (first, *_), (second, *_) = world.partner.arrived[:2]
    assert second - first >= QUICK.min_interval
    assert world.is_delivered()


def test_a_number_is_never_used_again_for_another_file() -> None:
    """Its owner died when the file was there and nothing said so: nobody knows what is in it."""

    async def story(world: SnapshotWorld) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            while not world.storage.puts:
                await asyncio.sleep(0.001)
            running.cancel()
        assert names(world) == ["reading"]
        await asyncio.sleep(SESSION)
        await owned(world, HOUR)

    world = told(story)

    first, second = world.storage.puts
    assert first != second
    assert [one.path for one in world.storage.visible(VIP.folder)] == [second]
    assert world.is_delivered()


def test_a_successor_waits_before_it_stores() -> None:
    """A file that the former owner began just now is dated before every window of the new one."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)

    world = told(story, replace(QUICK, quiet=0, window_margin=60))

    assert world.storage.began[0] >= 2 * 60


def test_a_file_that_stands_near_another_is_never_asked_for() -> None:
    """Somebody put a file into our folder: a run would take both, so ours gets another time."""

    async def story(world: SnapshotWorld) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            while not world.storage.visible(VIP.folder):
                await asyncio.sleep(0.01)
            [ours] = world.storage.visible(VIP.folder)
            world.storage.place(f"{VIP.folder}/theirs.csv", b"x\n", ours.modified_s + 4)
            await asyncio.sleep(HOUR)
            running.cancel()

    world = told(story)

    assert world.partner.unions == []
    assert len(set(world.storage.puts)) == 2
    assert world.is_delivered()


def test_an_emptied_audience_waits_for_a_day_where_removes_explain_it() -> None:
    """A person has time to look, and need not do anything."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        for number in range(10):
            world.members.state(VIP.audience, f"m{number}", is_member=False)
        await owned(world, 12 * HOUR)
        assert len(world.partner.arrived) == 1
        await owned(world, 13 * HOUR)

    world = told(story)

    assert len(world.partner.arrived) == 2
    assert world.is_delivered()


def test_an_operator_lets_a_held_snapshot_go() -> None:
    """It names the file that was looked at."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        for number in range(6):
            world.members.state(VIP.audience, f"m{number}", is_member=False)
        await owned(world, HOUR)
        held = states(world)[-1]
        assert held.hold is not None
        assert held.file is not None
        world.topic.append(request_key(VIP.audience), encode_approve(held.file.n - 1, at_ms=0))
        await owned(world, HOUR)
        assert len(world.partner.arrived) == 1
        world.topic.append(request_key(VIP.audience), encode_approve(held.file.n, at_ms=0))
        await owned(world, HOUR)

    world = told(story)

    assert world.is_delivered()


def test_an_operator_has_a_snapshot_made_at_once_and_only_once() -> None:
    """Though nothing has changed; a successor does not do it again."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        world.topic.append(request_key(VIP.audience), encode_start(at_ms=0))
        await owned(world, HOUR)
        await owned(world, HOUR)

    world = told(story)

    assert len(world.partner.arrived) == 2


def test_a_first_snapshot_waits_until_ingest_has_carried_what_was_there() -> None:
    """Half of an audience would be let go otherwise."""

    async def story(world: SnapshotWorld) -> None:
        world.backlog.worked_off = False
        await owned(world, HOUR)
        assert world.partner.arrived == []
        world.backlog.worked_off = True
        await owned(world, HOUR)

    world = told(story)

    assert world.is_delivered()


def test_a_guardrail_pauses_the_destination_and_costs_nothing() -> None:
    """The partner's own limit is reached: one try an hour, and nothing of our budget is used."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.limit = 0
        await owned(world, 3 * HOUR)
        world.partner.limit = 100
        await owned(world, 2 * HOUR)

    world = told(story)

    refused = names(world).count("intended") - len(world.partner.arrived)
    assert 2 <= refused <= 4
    assert world.is_delivered()


def test_an_audience_that_the_partner_refuses_is_blocked_and_shown() -> None:
    """Nothing is running, so it is the request: a person must look, and nothing was used."""
    shown: list[object] = []
    asked: list[str] = []

    async def story(world: SnapshotWorld) -> None:
        async def refused(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            asked.append(audience)
            return Blocked("not_found", "no such audience")

        world.partner.start = refused  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            worker = world.worker(world.process())
            running = tasks.create_task(worker.run())
            await asyncio.sleep(600)
            shown.append(worker.status())
            running.cancel()

    told(story)

    [status] = shown
    assert isinstance(status, dict)
    assert status["runs_used"] == 0
    assert status["audiences"]["vip"]["state"] == "blocked"
    assert status["audiences"]["vip"]["cause"] == "not_found"
    assert 3 <= len(asked) <= 5


def test_an_operator_need_not_wait_until_a_blocked_audience_is_tried_again() -> None:
    """What was wrong is mended: a new file is made at once, and its run is asked for."""
    began: list[float] = []

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start

        async def refused(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            return RunRefused("422: the header is wrong")

        world.partner.start = refused  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(600)
            world.partner.start = start  # type: ignore[method-assign]
            world.topic.append(request_key(VIP.audience), encode_start(at_ms=0))
            began.append(asyncio.get_running_loop().time())
            await asyncio.sleep(600)
            running.cancel()

    world = told(story)

    [(at, _, _)] = world.partner.arrived
    assert at < began[0] + 60
    assert len(world.storage.puts) == 2


def test_what_was_written_down_too_slowly_is_not_asked_for() -> None:
    """The charge counts from before the write: a run that came much later would hide from it."""

    async def story(world: SnapshotWorld) -> None:
        process = world.process()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(process).run())
            append = world.topic.append

            def slow(key: bytes, value: bytes | None) -> int:
                if key == state_key(VIP.audience) and b'"intended"' in (value or b""):
                    process.freeze()
                return append(key, value)

            world.topic.append = slow  # type: ignore[method-assign]
            while "intended" not in names(world):
                await asyncio.sleep(1)
            world.topic.append = append  # type: ignore[method-assign]
            await asyncio.sleep(600)
            process.thaw()
            await asyncio.sleep(5)
            assert world.partner.arrived == []
            await asyncio.sleep(HOUR)
            running.cancel()

    world = told(story)

    assert len(world.partner.arrived) == 1
    assert world.is_delivered()


def test_a_run_that_never_ends_is_given_up_after_a_day() -> None:
    """The partner does not say all the words for an end."""

    async def story(world: SnapshotWorld) -> None:
        world.partner.moods = RunMoods(longest_run=1.0)
        begin = world.partner._begin

        def endless(audience: str, window: Window) -> FakeRun:
            run = begin(audience, window)
            run.ends = run.began + 10 * DAY if len(world.partner.runs) == 1 else run.ends
            return run

        world.partner._begin = endless  # type: ignore[method-assign]
        await owned(world, GIVE_UP_SECONDS + HOUR)

    world = told(story)

    assert next(one.last_end for one in states(world) if one.state == "ended") == "GIVEN_UP"


def test_an_unchanged_audience_is_renewed_before_its_members_expire() -> None:
    """The partner lets all members leave after a while without a run."""

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        await asyncio.sleep(20.8 * DAY)
        await owned(world, 8 * HOUR)

    world = told(story)

    (first, *_), (second, *_) = world.partner.arrived
    assert 20 * DAY <= second - first <= 22 * DAY


def test_changes_without_a_snapshot_are_passed_over_all_the_same() -> None:
    """Compaction needs a pass within half a day, also where the budget allows no run."""
    rules = replace(QUICK, min_interval=10 * DAY)
    passes: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        await owned(world, HOUR)
        world.members.state(VIP.audience, "new")
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(8 * HOUR)
            passes.append(world.passes.healed)
            running.cancel()

    world = told(story, rules)

    assert passes == [1]
    assert len(world.partner.arrived) == 1


def test_a_doubtful_answer_is_looked_into_by_the_same_owner_too() -> None:
    """A broken connection says nothing about the run."""
    answers: list[str] = []

    async def story(world: SnapshotWorld) -> None:
        start = world.partner.start

        async def broken(audience: str, window: Window, ownership: Ownership) -> RunAnswer:
            answer = await start(audience, window, ownership)
            answers.append(type(answer).__name__)
            return InDoubt("reset")

        world.partner.start = broken  # type: ignore[method-assign]
        await owned(world, HOUR)

    world = told(story)

    assert answers == ["RunStarted"]
    assert world.is_delivered()


def test_a_run_whose_end_was_told_is_not_asked_about_again() -> None:
    """The list that must follow cannot be had for a while; only that is asked for again."""
    ends: list[str] = []

    async def story(world: SnapshotWorld) -> None:
        ask, listed = world.partner.ask, world.partner.list

        async def asked(audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
            answer = await ask(audience, run_id, contract)
            if isinstance(answer, JobReport) and answer.is_terminal:
                ends.append(run_id)
            return answer

        async def not_listed(audience: str) -> Sequence[Run] | NotYet:
            is_away = ends and asyncio.get_running_loop().time() < HOUR
            return NotYet("503") if is_away else await listed(audience)

        world.partner.ask = asked  # type: ignore[method-assign]
        world.partner.list = not_listed  # type: ignore[method-assign]
        await owned(world, 2 * HOUR)

    world = told(story)

    assert len(ends) == 1
    assert world.is_delivered()
