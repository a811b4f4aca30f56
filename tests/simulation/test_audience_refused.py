"""An audience that the partner refuses, and the others of its lane, in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from pipeline.domain.lane_record import HEADER
from pipeline.domain.send_result import Answer, Blocked, InDoubt, Refused
from pipeline.stages.ports import StartingPoint
from pipeline.stages.upload.bisector import HOPELESS_RUN
from pipeline.stages.upload.worker import UploadWorker
from tests.fakes.lane_world import Moods, TopicLease
from tests.simulation.world import World, in_world

BAD, GOOD, THIRD = "8", "9", "7"
QUICK = Moods(travel=0.01, answer=0.01)


def refuse(world: World, *audiences: str) -> None:
    """From now on the partner refuses every record of these and of no others."""
    world.partner.judge = lambda audience, _: Refused("400") if audience in audiences else None


def put(world: World, count: int, *audiences: str) -> None:
    for number in range(count):
        for audience in audiences:
            world.topic.put(f"m{number}", audience=audience)


def fill(world: World) -> None:
    """A backlog of the refused audience that fills the lane's memory, and one of the other."""
    world.buffer_bytes, world.max_bytes = 200_000, 10_000
    refuse(world, BAD)
    put(world, 3000, BAD, GOOD)


def delivered(world: World, audience: str) -> int:
    return sum(one == audience for one, _ in world.partner.members)


def asked(world: World, audience: str) -> list[list[str]]:
    return [members for one, members in world.partner.requests if one == audience]


async def beside(world: World, story: Callable[[UploadWorker], Awaitable[None]]) -> None:
    """Own the lane, committing every second, for as long as the story goes on."""
    lease = TopicLease(world.topic, *world.reader)
    worker = world.owner(lease)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        committing = tasks.create_task(commit_always(lease))
        await story(worker)
        running.cancel()
        committing.cancel()


async def commit_always(lease: TopicLease) -> None:
    while True:
        await asyncio.sleep(1)
        lease.commit(final=False)


def test_others_are_delivered_at_once_however_long_the_backlog_of_the_refused_one_is() -> None:
    """
    It would fill the memory of the lane ten times over. It goes on by itself once it is mended,
    in its order, and everybody has their last change.
    """
    waits: list[float] = []

    async def story(world: World) -> None:
        fill(world)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(60)
            assert delivered(world, GOOD) == 3000
            for number in range(20):
                await asyncio.sleep(17)
                world.topic.put(f"new{number}", audience=BAD)
                version = world.topic.put(f"new{number}", audience=GOOD)
                began = asyncio.get_running_loop().time()
                while world.partner.members.get((GOOD, f"new{number}")) != version:
                    await asyncio.sleep(0.05)
                waits.append(asyncio.get_running_loop().time() - began)
            assert delivered(world, BAD) == 0

        await beside(world, meanwhile)
        refuse(world)
        await world.own_until(lambda: is_all_sent(world))

    world = in_world(1, story, QUICK)

    assert max(waits) < 1.0 + 1.0, "its linger, and a look of the lane's reader"
    assert world.expected() == world.partner.members
    assert world.message_writer.of("letters") == []
    assert list(world.ledger().differences()) == []


def is_all_sent(world: World) -> bool:
    committed = world.topic.committed
    return committed.offset == len(world.topic.records) and not committed.paused


@pytest.mark.parametrize("bad", [(BAD,), (BAD, THIRD)], ids=["one", "two"])
def test_a_refused_audience_is_asked_about_once_a_minute_with_a_few_records(
    bad: tuple[str, ...],
) -> None:
    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 10_000
        refuse(world, *bad)
        put(world, 3000, *bad, GOOD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(90)
            before = {audience: len(asked(world, audience)) for audience in bad}
            await asyncio.sleep(600)
            for audience in bad:
                questions = asked(world, audience)[before[audience] :]
                alone = [members for members in questions if members == questions[0]]
                assert len(questions[0]) == 1
                assert 9 <= len(alone) <= 10
                assert len({member for one in questions for member in one}) == HOPELESS_RUN
            assert worker.state == "blocked"
            assert worker.blocked is not None
            assert worker.blocked.cause == "mostly_refused"

        await beside(world, meanwhile)

    world = in_world(2, story, QUICK)

    assert delivered(world, GOOD) == 3000
    assert world.message_writer.of("letters") == []


def test_what_was_sent_before_the_refusal_does_not_end_it_when_it_is_taken() -> None:
    """A batch of good records, that is answered when the one with the bad ones was given up."""
    bad = {f"m{number}" for number in range(100)}

    async def story(world: World) -> None:
        world.batch, world.in_flight = 100, 2
        world.partner.judge = lambda _, members: Refused("400") if bad & set(members) else None
        world.partner.slowness = lambda members: 0.0 if bad & set(members) else 20.0
        put(world, 400, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(15)
            assert worker.state == "blocked"
            before = len(asked(world, BAD))
            await asyncio.sleep(25)
            assert delivered(world, BAD) == 100
            assert (worker.state, len(asked(world, BAD))) == ("blocked", before)

        await beside(world, meanwhile)

    in_world(7, story, QUICK)


def test_of_a_refused_audience_that_is_rare_no_more_is_read_than_it_takes_to_ask() -> None:
    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 100_000, 50_000
        world.batch, world.in_flight = 1000, 1
        refuse(world, BAD)
        for number in range(20_000):
            world.topic.put(f"m{number}", audience=GOOD if number % 50 else BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(200)
            assert delivered(world, GOOD) == 19_600
            for _ in range(100):
                await asyncio.sleep(1)
                waiting = worker.status()["waiting_records"]
                assert isinstance(waiting, int)
                assert waiting <= 2 * HOPELESS_RUN
            assert world.topic.read_again <= 2000

        await beside(world, meanwhile)

    in_world(8, story, QUICK)


def test_a_refused_audience_whose_members_change_all_the_time_is_asked_about_no_faster() -> None:
    """Later changes end what had been read at the refusal, but they wait in its place."""

    async def story(world: World) -> None:
        refuse(world, BAD)
        put(world, 15, BAD)

        async def meanwhile(_: UploadWorker) -> None:
            for _round in range(600):
                await asyncio.sleep(1)
                put(world, 15, BAD)

        await beside(world, meanwhile)

    world = in_world(11, story, QUICK)

    assert len(asked(world, BAD)) <= 11 * 25


def test_others_pass_behind_a_single_record_that_is_refused_for_weeks() -> None:
    """
    Nothing is committed behind it, and what has its end there must not fill the memory.
    """

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 100_000, 10_000
        refuse(world, BAD)
        put(world, HOPELESS_RUN, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            for _ in range(20):
                put(world, 1000, GOOD)
                await asyncio.sleep(60)
            assert world.topic.committed.paused == {BAD: 0}
            assert worker.state == "blocked"

        await beside(world, meanwhile)
        assert world.topic.committed.offset == len(world.topic.records)

    world = in_world(3, story, QUICK)

    last = {key: version for key, version in world.expected().items() if key[0] == GOOD}
    assert world.partner.members == last
    assert world.ledger().records.waiting == HOPELESS_RUN


def test_a_successor_begins_where_the_refused_audience_has_no_end() -> None:
    async def story(world: World) -> None:
        fill(world)
        await world.own_for(100)
        assert world.topic.committed.paused == {BAD: 0}
        assert (world.ledger().records.waiting, list(world.ledger().differences())) == (3000, [])
        await world.own_for(100, gently=True)
        refuse(world)
        await world.own_until(lambda: is_all_sent(world))

    world = in_world(4, story, QUICK)

    assert world.expected() == world.partner.members


def test_nothing_of_a_refused_audience_is_lost_with_what_a_commit_says_beside_its_offset() -> None:
    """
    No operator ever asked about it, so only the offset itself leads a successor back to it.
    """

    async def story(world: World) -> None:
        fill(world)
        await world.own_for(100)
        assert world.topic.committed_offset == 0
        world.topic.committed = StartingPoint(0, is_clean=False, others_paused=0)
        refuse(world)
        await world.own_until(lambda: is_all_sent(world))
        assert world.topic.committed_offset == len(world.topic.records)

    world = in_world(9, story, QUICK)

    assert world.expected() == world.partner.members


def test_an_audience_that_an_operator_once_paused_holds_no_offset_back_when_it_is_refused() -> None:
    """The requests of operators lead a successor back to it."""

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 10_000
        world.requests.resume(BAD)
        refuse(world, BAD)
        put(world, 3000, BAD, GOOD)
        await world.own_for(100)
        assert world.topic.committed_offset == 6000
        world.topic.committed = StartingPoint(6000, is_clean=False, others_paused=0)
        refuse(world)
        await world.own_for(100)
        assert is_all_sent(world)

    world = in_world(10, story, QUICK)

    assert world.expected() == world.partner.members


def test_what_stops_the_reader_is_named_although_a_refused_audience_waits_before_it() -> None:
    async def story(world: World) -> None:
        refuse(world, BAD)
        put(world, 20, BAD, GOOD)
        value = b'{"externalUserId":"new","action":"CREATE","version":21}'
        world.topic.append(b"9|new", value, [(HEADER, b"3;add;0;;0:0")])

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(200)
            assert worker.blocked is not None
            assert worker.blocked.cause == "unknown_version"
            assert delivered(world, GOOD) == 20
            refuse(world)
            await asyncio.sleep(200)
            assert delivered(world, BAD) == 20

        await beside(world, meanwhile)

    in_world(5, story, QUICK)


def test_a_lane_that_is_blocked_while_one_audience_is_refused_goes_on_as_it_was() -> None:
    """It asks with a record of the others: one that is refused would say nothing of the lane."""
    answers: dict[str, Answer | None] = {BAD: Refused("400"), GOOD: None}

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, _: answers[audience]
        put(world, 100, BAD)
        put(world, 10, GOOD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(20)
            answers[GOOD] = Blocked("forbidden", "403")
            put(world, 20, GOOD)
            await asyncio.sleep(100)
            assert worker.blocked == Blocked("forbidden", "403")
            answers[GOOD] = None
            await asyncio.sleep(130)
            assert worker.blocked == Blocked("mostly_refused", f"audience {BAD}: 400")
            assert delivered(world, GOOD) == 20
            answers[BAD] = None
            await asyncio.sleep(70)
            assert worker.blocked is None

        await beside(world, meanwhile)

    world = in_world(6, story, QUICK)

    assert world.expected() == world.partner.members
    assert world.message_writer.of("letters") == []


def test_others_pass_although_one_stretch_of_the_refused_audience_would_fill_the_lane() -> None:
    """A successor does not know yet that it is refused, and replays a whole stretch of it."""

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 10_000
        world.replay = (1000, 0.05)
        refuse(world, BAD)
        put(world, 3000, BAD)
        put(world, 10, GOOD)
        await world.own_for(100)
        assert world.topic.committed.paused == {BAD: 0}
        put(world, 3000, GOOD)
        await world.own_for(100)
        assert delivered(world, GOOD) == 3000

    in_world(12, story, QUICK)


def test_the_topic_is_not_read_over_and_over_for_a_refused_audience_that_is_rare() -> None:
    """
    Less of it waits than it takes to ask, and again and again others fill the lane's memory.
    """

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 10_000
        world.replay = (1000, 0.02)
        refuse(world, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            for number in range(HOPELESS_RUN):
                put_one(world, f"m{number}")
                await asyncio.sleep(2)
            assert worker.state == "blocked"
            for number in range(8):
                put(world, 3000, GOOD)
                await asyncio.sleep(3)
                world.topic.put(f"new{number}", audience=BAD)
                await asyncio.sleep(57)
            assert world.topic.committed.paused
            assert world.topic.read_again <= len(world.topic.records)

        await beside(world, meanwhile)

    in_world(13, story, QUICK)


def put_one(world: World, member: str) -> None:
    world.topic.put(member, audience=BAD)
    world.topic.put(member, audience=GOOD)


def test_with_one_slot_others_have_their_turn_between_the_questions() -> None:
    """About so many audiences that they would be asked about without a pause."""
    bad = [str(number) for number in range(100, 130)]

    async def story(world: World) -> None:
        world.in_flight = 1
        refuse(world, *bad)
        put(world, 12, *bad)

        async def meanwhile(_: UploadWorker) -> None:
            await asyncio.sleep(600)
            for number in range(5):
                version = world.topic.put(f"m{number}", audience=GOOD)
                # Its linger, one question, and its own request.
                async with asyncio.timeout(20):
                    while world.partner.members.get((GOOD, f"m{number}")) != version:
                        await asyncio.sleep(0.05)

        await beside(world, meanwhile)

    in_world(14, story, Moods(travel=0.5, answer=1.0))


def test_a_question_that_never_ends_keeps_no_other_audience_from_going_on() -> None:
    """The partner now fails on one audience, and takes the other."""

    async def story(world: World) -> None:
        refuse(world, BAD, THIRD)
        put(world, 20, BAD)

        async def meanwhile(_: UploadWorker) -> None:
            await asyncio.sleep(10)
            put(world, 20, THIRD)
            await asyncio.sleep(20)
            world.partner.judge = lambda one, _: InDoubt("503") if one == BAD else None
            await asyncio.sleep(180)
            assert delivered(world, THIRD) == 20

        await beside(world, meanwhile)

    in_world(15, story, QUICK)


def test_what_comes_while_all_that_waited_is_in_the_question_is_not_sent_before_it_ends() -> None:
    """Everything that had been read at the refusal was superseded meanwhile."""

    async def story(world: World) -> None:
        refuse(world, BAD)
        put(world, HOPELESS_RUN, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(40)
            before = len(asked(world, BAD))
            put(world, HOPELESS_RUN, BAD)
            while len(asked(world, BAD)) == before:
                await asyncio.sleep(0.1)
            await asyncio.sleep(3)
            for number in range(HOPELESS_RUN - 1):
                world.topic.put(f"new{number}", audience=BAD)
            for _ in range(60):
                await asyncio.sleep(1)
                assert worker.state == "blocked"

        await beside(world, meanwhile)

    world = in_world(16, story, Moods(travel=0.5, answer=1.0))

    assert world.message_writer.of("letters") == []


def test_a_refusal_does_not_end_while_its_records_wait_for_a_late_request() -> None:
    """All of them were in a question that had no answer once, before it was refused."""
    answers: dict[str, int] = {"m0": 0}

    def judge(_: str, members: Sequence[str]) -> Answer:
        answers["m0"] += members == ["m0"]
        return InDoubt("503") if members == ["m0"] and answers["m0"] % 2 else Refused("400")

    async def story(world: World) -> None:
        world.partner.judge = judge
        put(world, HOPELESS_RUN, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(30)
            for _ in range(3000):
                await asyncio.sleep(0.1)
                assert worker.state == "blocked"

        await beside(world, meanwhile)

    world = in_world(18, story, QUICK)

    assert world.message_writer.of("letters") == []


def test_a_lane_that_stopped_knows_after_it_that_an_audience_is_refused() -> None:
    """
    It lets go of what waits, and others stand in the topic before what it reads again.
    """
    answers: dict[str, Answer | None] = {BAD: Refused("400"), GOOD: None}

    async def story(world: World) -> None:
        world.reader = (5, 1.0)
        world.partner.judge = lambda audience, _: answers[audience]
        put(world, HOPELESS_RUN, BAD)

        async def meanwhile(worker: UploadWorker) -> None:
            await asyncio.sleep(45)
            assert worker.state == "blocked"
            answers[GOOD] = Blocked("forbidden", "403")
            world.partner.slowness = lambda members: 20.0 if members[0][0] == "g" else 0.0
            for number in range(40):
                world.topic.put(f"g{number}", audience=GOOD)
            put(world, HOPELESS_RUN, BAD)
            await asyncio.sleep(40)
            assert worker.blocked == Blocked("forbidden", "403")
            answers[GOOD], world.partner.slowness = None, lambda _: 0.0
            while worker.blocked == Blocked("forbidden", "403"):
                await asyncio.sleep(0.1)
            for _ in range(60):
                assert worker.blocked is not None
                assert worker.blocked.cause == "mostly_refused"
                await asyncio.sleep(0.5)

        await beside(world, meanwhile)

    in_world(17, story, QUICK)


def test_however_many_audiences_are_refused_they_leave_room_for_the_others() -> None:
    """What waits for the questions about all of them is less than what the lane may take."""
    bad = [str(number) for number in range(100, 150)]

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 400_000, 10_000
        refuse(world, *bad)
        put(world, 60, *bad)

        async def meanwhile(_: UploadWorker) -> None:
            await asyncio.sleep(600)
            put(world, 2000, GOOD)
            await asyncio.sleep(60)
            assert delivered(world, GOOD) == 2000

        await beside(world, meanwhile)
        refuse(world)
        async with asyncio.timeout(600):
            await world.own_until(lambda: is_all_sent(world))

    in_world(18, story, QUICK)
