"""Owners of snapshots whose members topic is not what it was: nobody is let go for that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from pipeline.domain.member_record import LAYOUT_KEY, PARTITIONS, SPREAD, Layout, encode_layout
from pipeline.stages.snapshot.members_condition import LOOK_SECONDS
from pipeline.stages.snapshot.members_trouble import (
    BEGINS_KEY,
    Bounds,
    MembersTrouble,
    encode_begins,
)
from pipeline.stages.snapshot.owner import HEAL_MS
from pipeline.stages.snapshot.ports import TopicUnreadable
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    decode_state,
    encode_retired,
    encode_state,
    retired_key,
    state_key,
)
from tests.fakes.snapshot_world import SnapshotWorld
from tests.simulation.test_snapshot_steps import DAY, HOUR, VIP, names, told

LAYOUT = encode_layout(Layout("uuid", PARTITIONS, SPREAD, "blake2b-64"))
WRONG = MembersTrouble(
    destination="adobe",
    topic="audience.members.adobe",
    cause="settings",
    why="topic audience.members.adobe has cleanup.policy=delete instead of compact",
)


def lay_out(world: SnapshotWorld) -> None:
    """As a start does it, or an operator who confirms the members: the owner's topic comes last."""
    world.members.write_everywhere(LAYOUT_KEY, LAYOUT)
    begins = [Bounds(begin, begin) for begin in world.members.begins]
    world.topic.append(BEGINS_KEY, encode_begins(begins))
    world.topic.append(LAYOUT_KEY, LAYOUT)


def most_of(world: SnapshotWorld, members: int) -> None:
    """So many are in again that no guard would keep a file of them back."""
    for number in range(members * 7 // 10):
        world.members.state(VIP.audience, f"m{number}")


async def beside(world: SnapshotWorld, story: Callable[[], Awaitable[None]]) -> None:
    """One process serves the destination from before the first snapshot until the story's end."""
    async with asyncio.TaskGroup() as tasks:
        worker = world.worker(world.process())
        running = tasks.create_task(worker.run())
        await asyncio.sleep(HOUR)
        assert world.is_delivered()
        await story()
        running.cancel()


def at_partner(world: SnapshotWorld) -> int:
    return len(world.partner.members.get(VIP.audience, ()))


def test_of_a_topic_that_was_emptied_no_snapshot_is_made_though_ingest_writes_on() -> None:
    """Nor by an owner that finds it so, nor to renew what would expire: all ten stay."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def emptied() -> None:
            world.members.make_anew()
            most_of(world, 10)
            await asyncio.sleep(DAY)

        await beside(world, emptied)
        async with asyncio.TaskGroup() as tasks:
            worker = world.worker(world.process())
            running = tasks.create_task(worker.run())
            await asyncio.sleep(25 * DAY)
            status = worker.status()
            unfit = world.telemetry.levels["members_unfit", "adobe"]
            running.cancel()

        assert status["state"] == "blocked"
        assert "members confirm adobe" in str(status["detail"])
        assert unfit == 1

    world = told(story)

    assert at_partner(world) == 10
    assert len(world.partner.arrived) == 1


def test_a_topic_that_was_filled_again_is_still_one_that_was_emptied() -> None:
    """Its partitions hold something, but end before what was read of them once."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)
        for number in range(100):
            world.members.state(VIP.audience, f"m{number}")

        async def emptied() -> None:
            return None

        await beside(world, emptied)
        world.members.make_anew()
        world.members.write_everywhere(b"another\x00member", None)
        most_of(world, 100)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(25 * DAY)
            running.cancel()

    world = told(story)

    assert at_partner(world) == 100


def test_a_topic_that_fills_up_under_its_owner_stays_emptied() -> None:
    """What ingest writes on brings nobody back of whom nothing was written."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def emptied_and_filled() -> None:
            world.members.make_anew()
            await asyncio.sleep(2 * LOOK_SECONDS)
            for _ in range(1000):
                world.members.write_everywhere(b"another\x00member", None)
            most_of(world, 10)
            await asyncio.sleep(25 * DAY)

        await beside(world, emptied_and_filled)

    assert at_partner(told(story)) == 10


def test_a_topic_is_looked_at_right_before_a_snapshot_of_it() -> None:
    """It was emptied a moment ago, and the next look of each minute is still to come."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)
        looked: list[float] = []
        bounds = world.members.bounds

        async def watched() -> Sequence[Bounds]:
            looked.append(asyncio.get_running_loop().time())
            return await bounds()

        world.members.bounds = watched  # type: ignore[method-assign]
        claimed: list[float] = []
        append = world.topic.append

        def noted(key: bytes, value: bytes | None) -> int:
            if key == state_key(VIP.audience) and decode_state(value or b"").state == "reading":
                claimed.append(asyncio.get_running_loop().time())
            return append(key, value)

        world.topic.append = noted  # type: ignore[method-assign]
        await beside(world, lambda: asyncio.sleep(0))
        [at] = claimed
        assert 0 < at - max(one for one in looked if one < at) < 1.0

    told(story)


def test_of_a_topic_whose_beginning_was_deleted_no_snapshot_is_made() -> None:
    """A retention let go of some statements, and nobody knows whose."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def shortened() -> None:
            ends = world.members.topic.ends_now()
            longest = max(range(PARTITIONS), key=ends.__getitem__)
            world.members.begins[longest] = 1
            world.members.state(VIP.audience, "m99")
            await asyncio.sleep(DAY)

        await beside(world, shortened)

    assert at_partner(told(story)) == 10


def test_a_setting_that_is_wrong_stops_snapshots_until_it_is_mended() -> None:
    """Without a restart, and passes that keep compaction from harm go on meanwhile."""
    healed: list[int] = []

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def wrong_and_mended() -> None:
            world.members.wrong = WRONG
            world.members.state(VIP.audience, "m99")
            await asyncio.sleep(HEAL_MS / 1000 + HOUR)
            assert at_partner(world) == 10
            healed.append(world.passes.healed)
            world.members.wrong = None
            await asyncio.sleep(LOOK_SECONDS + HOUR)

        await beside(world, wrong_and_mended)

    world = told(story)

    assert healed == [1]
    assert at_partner(world) == 11


def test_nothing_is_made_of_a_topic_that_nobody_could_look_at_yet() -> None:
    async def story(world: SnapshotWorld) -> None:
        lay_out(world)
        look = world.members.trouble

        async def unknown() -> MembersTrouble | None:
            raise TopicUnreadable("the brokers are away")

        world.members.trouble = unknown  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(HOUR)
            assert names(world) == []
            world.members.trouble = look  # type: ignore[method-assign]
            await asyncio.sleep(HOUR)
            running.cancel()

    assert told(story).is_delivered()


def test_after_the_members_are_confirmed_the_next_snapshot_waits_for_ingest() -> None:
    """
    The sources were rewound: what ingest has not carried yet would be missing. Who was stated
    again is in, whatever the offsets of the former topic were.
    """

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def emptied_and_confirmed() -> None:
            world.members.make_anew()
            for number in range(6):
                world.members.state(VIP.audience, f"m{number}")
            await asyncio.sleep(HOUR)
            world.backlog.worked_off = False
            lay_out(world)
            await asyncio.sleep(HOUR)
            assert at_partner(world) == 10
            for number in range(6, 12):
                world.members.state(VIP.audience, f"m{number}")
            world.backlog.worked_off = True
            await asyncio.sleep(HOUR)

        await beside(world, emptied_and_confirmed)

    world = told(story)

    assert at_partner(world) == 12
    assert world.is_delivered()


def test_an_audience_that_is_put_back_after_its_members_were_let_go_of_waits_for_ingest() -> None:
    """
    Who is stated first is more than half of those that the partner has, and not everybody.
    """

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)
        await beside(world, lambda: asyncio.sleep(0))
        world.members.let_go(VIP.audience)
        world.topic.append(retired_key(VIP.audience), encode_retired(1))
        world.backlog.worked_off = False
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            most_of(world, 10)
            await asyncio.sleep(HOUR)
            assert at_partner(world) == 10
            for number in range(8, 12):
                world.members.state(VIP.audience, f"m{number}")
            world.backlog.worked_off = True
            await asyncio.sleep(HOUR)
            running.cancel()

    assert at_partner(told(story)) == 11


def test_what_was_begun_before_the_confirmation_does_not_go_on_without_ingest() -> None:
    """It was made, and died, before anybody saw that the topic was emptied."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)
        reading = AudienceState(state="reading", at_ms=1)
        await beside(world, lambda: asyncio.sleep(0))
        world.topic.append(state_key(VIP.audience), encode_state(reading))
        world.members.make_anew()
        world.members.state(VIP.audience, "m0")
        world.backlog.worked_off = False
        lay_out(world)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(world.process()).run())
            await asyncio.sleep(DAY)
            running.cancel()

    assert at_partner(told(story)) == 10


def test_removes_that_were_stated_anew_explain_no_loss() -> None:
    """All that upstream ever removed comes again with a rewound source: that says nothing."""

    async def story(world: SnapshotWorld) -> None:
        lay_out(world)

        async def emptied_and_confirmed() -> None:
            world.members.make_anew()
            for number in range(50):
                world.members.state(VIP.audience, f"former{number}", is_member=False)
            world.members.state(VIP.audience, "m0")
            lay_out(world)
            await asyncio.sleep(3 * DAY)

        await beside(world, emptied_and_confirmed)

    world = told(story)

    assert at_partner(world) == 10
    held = last_state(world).hold
    assert held is not None
    assert not held.is_explained


def last_state(world: SnapshotWorld) -> AudienceState:
    key = state_key(VIP.audience)
    return [decode_state(one.value or b"") for one in world.topic.records if one.key == key][-1]
