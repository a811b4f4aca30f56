"""An audience that is paused and resumed while its lane goes on, in virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.send_result import Refused
from pipeline.stages.ports import StartingPoint, Stretch
from pipeline.stages.upload.assembly import LaneAssembly
from pipeline.stages.upload.bisector import HOPELESS_RUN
from tests.fakes.lane_world import Moods, TopicLease
from tests.simulation.world import CAP, ROUGH, WINDOW, World, in_world

WRONG, OTHER, THIRD = "7", "8", "9"
QUICK = Moods(travel=0.01, answer=0.01)

Happening = Literal[
    "pause",
    "resume",
    "pause third",
    "resume third",
    "refuse",
    "refuse third",
    "take",
    "stop",
    "put",
    "crash",
    "handover",
    "rewind",
]
ENDS = ("crash", "handover", "rewind")


def sent_to(world: World, audience: str) -> list[str]:
    """Members of the audience in the order in which the partner was asked to take them."""
    return [
        member for to, members in world.partner.requests if to == audience for member in members
    ]


def is_all_sent(world: World) -> bool:
    committed = world.topic.committed
    return committed.offset == len(world.topic.records) and not committed.paused


async def until_all_is_sent(world: World) -> None:
    """Own the lane until nothing waits and nothing is kept back."""
    async with asyncio.timeout(600):
        await world.own_until(lambda: is_all_sent(world))


def put_some(world: World, count: int, audiences: Sequence[str] = (WRONG, OTHER, THIRD)) -> None:
    for _ in range(count):
        member = f"m{world.random.choice([world.random.randrange(3), world.random.randrange(40)])}"
        action = world.random.choice(["CREATE", "DELETE"])
        world.topic.put(member, action, world.random.choice(audiences))


def test_what_waits_and_what_comes_of_a_paused_audience_is_kept_and_sent_first_on_resume() -> None:
    """The other audience goes on meanwhile, and the lane's offset passes what is kept."""

    async def story(world: World) -> None:
        world.requests.pause(WRONG)
        for number in range(100):
            world.topic.put(f"m{number}", audience=WRONG)
            world.topic.put(f"m{number}", audience=OTHER)
        await world.own_for(20)
        assert sent_to(world, WRONG) == []
        assert len(sent_to(world, OTHER)) == 100
        assert world.topic.committed[0::2] == (200, {WRONG: 0})
        assert (world.ledger().records.waiting, list(world.ledger().differences())) == (100, [])
        world.requests.resume(WRONG)
        for number in range(100, 150):
            world.topic.put(f"m{number}", audience=WRONG)
        await until_all_is_sent(world)

    world = in_world(1, story, QUICK)

    assert world.expected() == world.partner.members
    first = sent_to(world, WRONG)[:100]
    assert sorted(first) == sorted(f"m{number}" for number in range(100))


def test_a_resumed_audience_of_a_lane_where_nothing_comes_is_sent_at_once() -> None:
    """
    Its reader says only every twenty seconds that nothing came.
    """

    async def story(world: World) -> None:
        world.idle = 20.0
        world.requests.pause(WRONG)
        for number in range(15):
            world.topic.put(f"m{number}", audience=WRONG)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(60))
            await asyncio.sleep(32)
            world.requests.resume(WRONG)
            await asyncio.sleep(3)
            assert len(sent_to(world, WRONG)) == 15

    in_world(1, story, QUICK)


def test_the_end_of_a_replay_is_committed_although_nothing_more_comes() -> None:
    """
    The last record that was kept had its end when the replay was not level yet.
    """

    async def story(world: World) -> None:
        world.replay = (10, 0.5)
        world.requests.pause(WRONG)
        put_some(world, 15, [WRONG])
        put_some(world, 200, [OTHER])
        await world.own_for(20)
        world.requests.resume(WRONG)
        await world.own_for(60)
        assert world.topic.committed.paused == {}

    in_world(1, story, QUICK)


def test_a_pause_lets_requests_in_flight_end_and_sends_them_again_on_resume() -> None:
    """
    They most likely ended in vain; what stood behind them in the queue is not sent at all.
    """

    async def story(world: World) -> None:
        world.in_flight = 1
        world.partner.moods = Moods(travel=0.01, answer=8.0)
        for number in range(60):
            world.topic.put(f"m{number}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(40))
            await asyncio.sleep(2)
            world.requests.pause()
        assert len(sent_to(world, WRONG)) == 15
        assert world.topic.committed[0::2] == (60, {WRONG: 0})
        world.requests.resume()
        await until_all_is_sent(world)

    world = in_world(2, story)

    sent = sent_to(world, WRONG)
    assert sent == sent[:15] + sent[:15] + sent[30:]
    assert len(sent) == 75
    assert world.expected() == world.partner.members


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    happenings=st.lists(
        st.tuples(st.floats(0.1, 5.0), st.sampled_from(get_args(Happening))),
        min_size=4,
        max_size=20,
    ),
)
def test_however_it_is_paused_resumed_and_refused_nothing_is_lost_reordered_or_over_the_cap(
    seed: int, happenings: list[tuple[float, Happening]]
) -> None:
    """
    Through pauses in quick succession, crashes, handovers, blocked lanes and rewound groups, with
    a partner that misbehaves and refuses whole audiences, and readers of which now one and now the
    other is faster: in the end the last change of every member stands. A partner that refuses few
    records of an audience may mean these.
    """

    async def story(world: World) -> None:
        world.late, world.probe, world.batch = 10.0, 1.0, world.random.choice([4, 15])
        world.reader = world.random.choice([(1000, 0.0), (40, 0.2), (7, 0.1)])
        world.replay = world.random.choice([(200, 0.05), (40, 0.2), (5, 0.1)])
        world.buffer_bytes, world.max_bytes = world.random.choice([10_000_000, 15_000]), 4000
        put_some(world, 300)
        left = list(happenings)
        while left:
            await own_through(world, left)
            put_some(world, 30)
        mend_all(world)
        await until_all_is_sent(world)

    moods = replace(ROUGH, answer=seed % 3)
    world = in_world(seed, story, moods)

    given_up = {message.key for message in world.message_writer.of("letters")}
    assert all(
        world.partner.members[audience, member] == version
        for (audience, member), version in world.expected().items()
        if f"{audience}|{member}".encode() not in given_up
    )
    owners = 2 + sum(what in ENDS for _, what in happenings)
    refusals = sum(what.startswith("refuse") for _, what in happenings)
    assert len(given_up) <= (HOPELESS_RUN - 1) * 2 * owners * refusals
    assert world.partner.overlapping == []
    assert world.partner.largest_window(WINDOW) < CAP
    assert sum(count for _, count in world.partner.arrivals) <= world.spent
    assert list(world.ledger().differences()) == []
    assert world.ledger().records.waiting == 0


async def own_through(world: World, left: list[tuple[float, Happening]]) -> None:
    """One owner, through all that happens until something ends it; that is taken out of `left`.

    When nothing more happens, the same owner has to bring it all to its end.
    """
    ends = next((what for _, what in left if what in ENDS), "crash")
    ended = asyncio.Event()

    async def happen() -> None:
        while left:
            seconds, what = left.pop(0)
            await asyncio.sleep(seconds)
            put_some(world, 20)
            if what in ENDS:
                ended.set()
                return
            await happens(world, what)
        mend_all(world)
        async with asyncio.timeout(600):
            while not is_all_sent(world):
                await asyncio.sleep(0.5)
        ended.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(happen())
        await world.own_until(ended.is_set, gently=ends == "handover")
    if ends == "rewind":
        lost_to = world.random.randrange(world.topic.committed_offset + 1)
        world.topic.committed = StartingPoint(lost_to, is_clean=False, others_paused=0)


def mend_all(world: World) -> None:
    refuse(world)
    for audience in (WRONG, THIRD):
        world.requests.resume(audience)


def refuse(world: World, *audiences: str) -> None:
    """From now on the partner refuses every record of these and of no others."""
    world.partner.judge = lambda audience, _: Refused("400") if audience in audiences else None


async def happens(world: World, what: Happening) -> None:
    match what:
        case "pause" | "pause third":
            world.requests.pause(WRONG if what == "pause" else THIRD)
        case "resume" | "resume third":
            world.requests.resume(WRONG if what == "resume" else THIRD)
        case "refuse" | "refuse third" | "take":
            refuse(world, *{"refuse": [WRONG], "refuse third": [WRONG, THIRD]}.get(what, []))
        case "stop":
            world.partner.moods.stopping = 1.0
            await asyncio.sleep(world.random.uniform(0.5, 3.0))
            world.partner.moods.stopping = 0.0
        case _:
            put_some(world, 200)


def test_a_crash_in_the_middle_of_a_replay_goes_on_where_it_was() -> None:
    """What its job was written for is not sent again, but for what was in flight."""

    async def story(world: World) -> None:
        world.requests.pause()
        for number in range(3000):
            world.topic.put(f"m{number}")
        await world.own_for(5)
        world.requests.resume()
        await world.own_for(12)
        reached = world.topic.committed.paused[WRONG]
        assert 500 < reached < 2500
        await until_all_is_sent(world)

    world = in_world(3, story, QUICK)

    assert world.expected() == world.partner.members
    assert len(sent_to(world, WRONG)) <= 3000 + 15 * 15


def test_metadata_that_is_lost_while_an_audience_is_paused_keeps_it_back_from_the_oldest() -> None:
    """Somebody rewound the group; what was kept is neither sent before the resume nor lost."""

    async def story(world: World) -> None:
        world.requests.pause()
        for number in range(50):
            world.topic.put(f"m{number}")
            world.topic.put(f"m{number}", audience=OTHER)
        await world.own_for(10)
        world.topic.committed = StartingPoint(100, is_clean=False, others_paused=0)
        await world.own_for(30)
        assert sent_to(world, WRONG) == []
        assert world.topic.committed.paused == {WRONG: 0}
        world.requests.resume()
        await until_all_is_sent(world)

    world = in_world(4, story, QUICK)

    assert world.expected() == world.partner.members


def test_a_long_replay_delays_no_other_audience() -> None:
    """
    Six windows of the cap were kept. While they are sent, a record of another audience takes its
    linger and a few turns at the bucket, as beside any busy audience.
    """
    waits: list[float] = []

    async def story(world: World) -> None:
        world.replay = (30, 0.001)
        world.requests.pause()
        for number in range(CAP * 6):
            world.topic.put(f"m{number}")
        await world.own_for(20, gently=True)
        world.requests.resume()
        async with asyncio.TaskGroup() as tasks:
            owner = tasks.create_task(world.own_for(1000))
            await asyncio.sleep(5)
            loop = asyncio.get_running_loop()
            for number in range(10):
                version = world.topic.put(f"o{number}", audience=OTHER)
                began = loop.time()
                while world.partner.members.get((OTHER, f"o{number}")) != version:
                    await asyncio.sleep(0.05)
                waits.append(loop.time() - began)
            assert world.topic.committed.paused
            owner.cancel()

    in_world(5, story, QUICK)

    assert max(waits) < 1.0 + 0.5


def test_a_replay_uses_the_cap_and_not_more() -> None:
    async def story(world: World) -> None:
        world.requests.pause()
        for number in range(CAP * 6):
            world.topic.put(f"m{number}")
        await world.own_for(20)
        world.requests.resume()
        await world.own_for(WINDOW * 4)

    world = in_world(6, story, QUICK)

    assert 0.95 * CAP < world.partner.largest_window(WINDOW) < CAP


def test_a_replay_stays_within_the_lanes_memory_while_the_partner_is_away() -> None:
    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 50_000
        world.requests.pause()
        for number in range(20_000):
            world.topic.put(f"m{number}", audience=WRONG if number % 2 else OTHER)
        await world.own_for(60)
        world.partner.moods = Moods(not_sent=1.0)
        world.requests.resume()
        await world.own_for(120)

    world = in_world(7, story, QUICK)

    # One fetch of either reader may go over; then they rest.
    assert world.telemetry.levels["buffered_bytes",] < 200_000 + 2 * 1000 * 700


def test_trimming_never_passes_what_is_kept() -> None:
    """Every hour the lane's topic is trimmed, but only up to where the pause began."""

    async def story(world: World) -> None:
        put_some(world, 30, [OTHER])
        await world.own_for(30, gently=True)
        world.requests.pause()
        put_some(world, 30)
        await world.own_for(3600 * 2 + 1, gently=True)
        world.requests.resume()
        await world.own_for(3600 + 1)

    world = in_world(8, story, QUICK)

    assert [settled for settled, _ in world.topic.trimmed] == [30, 30, 60]


def test_trimming_passes_nothing_that_the_last_commit_may_still_keep() -> None:
    """A replay ended a moment before, and a successor may begin where it stood before that."""

    async def story(world: World) -> None:
        put_some(world, 30, [OTHER])
        await world.own_for(30, gently=True)
        world.requests.pause()
        put_some(world, 30)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(3601))
            await asyncio.sleep(3570)
            world.requests.resume()

    world = in_world(8, story, QUICK)

    assert [settled for settled, _ in world.topic.trimmed] == [30]


@pytest.mark.parametrize("metadata", ["kept", "lost"])
def test_operators_see_what_is_kept_and_how_it_ends(metadata: str) -> None:
    """The gauge counts the audience until all that was kept has its end."""
    seen: list[object] = []

    async def story(world: World) -> None:
        world.requests.pause()
        put_some(world, 60)
        await world.own_for(20)
        if metadata == "lost":
            world.topic.committed = StartingPoint(60, is_clean=False, others_paused=0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(60))
            await asyncio.sleep(20)
            seen.append(world.telemetry.levels["audiences_paused", "amazon", "connection"])
            world.requests.resume()
            await asyncio.sleep(30)
            seen.append(world.telemetry.levels["audiences_paused", "amazon", "connection"])

    in_world(9, story, QUICK)

    assert seen == [1, 0]


def test_a_replay_that_is_faster_than_the_lanes_reader_leaves_to_it_what_it_has_not_read() -> None:
    """Each record is sent once."""

    async def story(world: World) -> None:
        world.reader = (7, 0.1)
        for number in range(500):
            world.topic.put(f"m{number}")
        world.requests.pause()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(until_all_is_sent(world))
            await asyncio.sleep(3)
            world.requests.resume()

    world = in_world(10, story, QUICK)

    assert len(sent_to(world, WRONG)) == 500
    assert world.expected() == world.partner.members


def test_while_the_lanes_reader_reads_a_stretch_again_no_replay_overtakes_it() -> None:
    """
    A lane that stopped reads again what was not settled. Records of the audience that its reader
    carried there are left to the replay, and each waits once.
    """

    async def story(world: World) -> None:
        parts = LaneAssembly(world.shared(), world.lane(), TopicLease(world.topic))
        intake, pauses = parts._reading.intake, parts._reading.pauses
        paused, queue = parts._paused, parts._queue
        for member, audience in (("a", WRONG), ("b", OTHER), ("c", WRONG)):
            world.topic.put(member, audience=audience)
        world.requests.pause()
        await pauses.begin(StartingPoint(0, is_clean=True))
        intake.admit(world.topic.records)
        world.requests.resume()
        pauses.apply_requests()
        pauses.replayed(0, Stretch(world.topic.records, 3))
        assert not paused.keeps(WRONG)
        world.topic.put("d", audience=WRONG)
        intake.admit(world.topic.records[3:])

        parts._blocked_wait().let_go()
        again = pauses.next_read()
        pauses.replayed(0, Stretch(world.topic.records, 4))

        assert (again, parts._offsets.position) == (0, 1)
        assert paused.keeps(WRONG)
        assert queue.count == 1
        intake.admit(world.topic.records[1:])
        assert pauses.next_read() == 1
        pauses.replayed(1, Stretch(world.topic.records[1:], 4))
        assert not paused.keeps(WRONG)
        assert queue.count == 4

    in_world(11, story)
