"""One lane through everything that can happen to it, in virtual time."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.lane_record import HEADER
from pipeline.stages.ports import StartingPoint
from pipeline.stages.retry import Backoff
from tests.fakes.lane_world import Moods, TopicLease, TopicRecord
from tests.simulation.world import CAP, ROUGH, WINDOW, World, in_world


def test_every_change_arrives_and_the_last_one_of_each_member_stands() -> None:
    """A calm partner ends up with exactly what the topic says."""

    async def story(world: World) -> None:
        for number in range(2000):
            world.topic.put(f"m{number % 700}")
        await world.own_to_the_end()

    world = in_world(1, story)

    assert world.expected() == world.partner.members


def test_accepted_records_and_superseded_ones_add_up_to_what_was_read() -> None:
    """Every record has an end, and it is counted once."""

    async def story(world: World) -> None:
        for number in range(500):
            world.topic.put(f"m{number % 100}", audience=f"{number % 3}")
        await world.own_to_the_end()

    world = in_world(2, story)

    accepted = world.telemetry.count("records_accepted")
    superseded = world.telemetry.count("records_superseded")
    assert len(world.topic.records) == accepted + superseded
    assert world.ledger().records.accepted == accepted
    assert world.ledger().records.superseded == superseded
    assert world.ledger().records.repeated == 0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    poison=st.sets(st.integers(0, 60), max_size=3),
    crashes=st.lists(st.tuples(st.floats(0.5, 30.0), st.booleans()), max_size=4),
)
def test_through_faults_crashes_and_handovers_nothing_is_lost_reordered_or_over_the_cap(
    seed: int, poison: set[int], crashes: list[tuple[float, bool]]
) -> None:
    """
    Whatever the partner does and however often the owner dies, the last change of every member
    stands, bad records are named, and no window is over the cap.
    """

    async def story(world: World) -> None:
        world.partner.poison = frozenset(f"m{number}" for number in poison)
        for _ in range(1500):
            member = f"m{world.random.randrange(60)}"
            world.topic.put(member, world.random.choice(["CREATE", "DELETE"]))
        for seconds, gently in crashes:
            await world.own_for(seconds, gently=gently)
            for _ in range(100):
                world.topic.put(f"m{world.random.randrange(60)}")
        await world.own_to_the_end()

    world = in_world(seed, story, ROUGH)

    assert world.expected() == world.partner.members
    assert world.partner.largest_window(WINDOW) < CAP
    assert world.partner.overlapping == []
    assert sum(count for _, count in world.partner.arrivals) <= world.spent
    named = {message.key for message in world.message_writer.of("letters")}
    assert named <= {f"7|{member}".encode() for member in world.partner.poison}
    assert list(world.ledger().differences()) == []
    assert world.ledger().records.waiting == 0


def test_with_a_backlog_nearly_all_of_the_cap_is_used() -> None:
    """Ten windows of backlog and no handover: all that the arithmetic allows, less a thousandth."""

    async def story(world: World) -> None:
        for number in range(CAP * 11):
            world.topic.put(f"m{number}")
        await world.own_for(WINDOW * 10 + 3)

    world = in_world(3, story, Moods(travel=0.01, answer=0.02))

    first = world.partner.arrivals[0][0]
    used = sum(count for at, count in world.partner.arrivals if at < first + WINDOW * 10)
    allowed = (CAP - 1 - 30 - 120) / 1.001
    assert used >= 0.999 * allowed * 10
    assert world.partner.largest_window(WINDOW) < CAP


def test_one_bad_record_among_a_large_batch_is_named_at_little_cost() -> None:
    """Halving finds it in two requests a level, and the others all arrive."""

    async def story(world: World) -> None:
        world.batch, world.in_flight = 512, 1
        world.partner.poison = frozenset({"m137"})
        for number in range(512):
            world.topic.put(f"m{number}")
        await world.own_to_the_end()

    world = in_world(4, story)

    assert world.expected() == world.partner.members
    assert [message.key for message in world.message_writer.of("letters")] == [b"7|m137"]
    assert len(world.partner.requests) <= 1 + 2 * 9


def test_a_batch_that_is_mostly_refused_stops_the_lane_and_dead_letters_nothing() -> None:
    """It is not the records: a person must look, and nothing may be thrown away meanwhile."""

    async def story(world: World) -> None:
        world.batch, world.in_flight = 200, 1
        world.partner.poison = frozenset(f"m{number}" for number in range(200))
        for number in range(200):
            world.topic.put(f"m{number}")
        await world.own_for(30)

    world = in_world(5, story)

    assert world.message_writer.of("letters") == []
    assert len(world.partner.requests) < 60
    assert world.topic.committed.offset == 0


def test_a_blocked_lane_probes_with_one_record_and_resumes_by_itself() -> None:
    """Once the person has mended it, everything is delivered without a restart."""

    async def story(world: World) -> None:
        for number in range(300):
            world.topic.put(f"m{number}")
        world.partner.moods.stopping = 1.0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(200)
            probes = [len(members) for _, members in world.partner.requests[-2:]]
            assert probes == [1, 1]
            world.partner.moods.stopping = 0.0

    world = in_world(6, story)

    assert world.expected() == world.partner.members


def test_a_body_over_the_partners_limit_is_halved_and_the_limit_remembered() -> None:
    """After the first refusals, no request is too large any more."""

    async def story(world: World) -> None:
        world.batch = 400
        world.in_flight = 1
        world.partner.largest_body = 5000
        for number in range(3000):
            world.topic.put(f"m{number}")
        await world.own_to_the_end()

    world = in_world(7, story)

    assert world.expected() == world.partner.members
    assert max(len(members) for _, members in world.partner.requests[20:]) < 150


@pytest.mark.parametrize(
    ("key", "value", "header", "reason"),
    [
        (None, b"{}", b"2;add;0;;0:0", b"malformed"),
        (None, None, b"2;add;0;;0:0", b"malformed"),
        (b"7|m", None, b"2;add;0;;0:0", b"malformed"),
        (b"7|m", b"", b"2;add;0;;0:0", b"malformed"),
        (b"7|m", b"{}", None, b"malformed"),
        (b"7|m", b"{}", b"\xff\x00", b"malformed"),
        (b"7|m", b"{}", b"2;add;9999999999999999;;0:0", b"malformed"),
        (b"7|m", b"{}", b"2;add;-86400000;;0:0", b"malformed"),
        (b"seven|m", b"{}", b"2;add;0;;0:0", b"malformed"),
        (b"no-audience", b"{}", b"2;add;0;;0:0", b"malformed"),
        (b"7|m", b"{}", b"2;drop;0;;0:0", b"malformed"),
        (b"7|m", b"x" * 200_000, b"2;add;0;;0:0", b"record_too_large"),
    ],
)
def test_a_record_that_cannot_be_sent_becomes_a_dead_letter(
    key: bytes | None, value: bytes | None, header: bytes | None, reason: bytes
) -> None:
    """It is named with its reason, and what stands behind it is delivered."""

    async def story(world: World) -> None:
        world.topic.append(key, value, [(HEADER, header)])  # type: ignore[list-item]
        world.topic.put("after")
        async with asyncio.timeout(60):
            await world.own_to_the_end()

    world = in_world(8, story)

    letters = world.message_writer.of("letters")
    assert [dict(letter.headers)["reason"] for letter in letters] == [reason]
    assert list(world.partner.members) == [("7", "after")]


def test_a_lane_full_of_offsets_to_remember_still_probes_and_resumes() -> None:
    """
    In an outage a few busy members fill a lane with offsets behind one that is open; then the
    partner stops the lane. There is nothing left to send, and only reading on brings what there is.
    """

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 60_000, 4000
        world.topic.put("first")
        for number in range(5000):
            world.topic.put(f"m{number % 3}", audience="8")
        world.partner.moods = Moods(broken=1.0, travel=0.01, answer=0.01)
        lease = TopicLease(world.topic)
        owner = world.owner(lease)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(owner.run())
            await asyncio.sleep(60)
            world.partner.moods = Moods(stopping=1.0, travel=0.01, answer=0.01)
            while owner.state != "blocked":
                await asyncio.sleep(1)
            world.partner.moods = Moods(travel=0.01, answer=0.01)
            await asyncio.sleep(300)
            running.cancel()
        states.append(owner.state)

    states: list[str] = []
    world = in_world(21, story)

    assert states == ["running"]
    assert world.expected() == world.partner.members


def test_memory_stays_within_the_budget_while_the_partner_is_away() -> None:
    """A lane that is full pauses its partition; what was read is bounded by its share."""

    async def story(world: World) -> None:
        world.buffer_bytes, world.max_bytes = 200_000, 50_000
        for number in range(20_000):
            world.topic.put(f"m{number}")
        world.partner.moods = Moods(not_sent=1.0)
        await world.own_for(120)

    world = in_world(9, story)

    # One fetch of a thousand records may go over; then the lane rests.
    assert world.telemetry.levels["buffered_bytes",] < 200_000 + 1000 * 700


class HangingLease(TopicLease):
    """A client that never answers, as a consumer in a rebalance without end."""

    async def fetch(self, most: int) -> Sequence[TopicRecord]:
        await asyncio.Event().wait()
        return ()


@pytest.mark.parametrize(
    ("lease", "moods", "is_stuck"),
    [
        (HangingLease, Moods(), True),
        (TopicLease, Moods(), False),
        (TopicLease, Moods(not_sent=1.0), False),
        (TopicLease, Moods(broken=1.0), False),
        (TopicLease, Moods(stopping=1.0), False),
    ],
    ids=["a fetch that hangs", "calm", "nobody there", "503 for ever", "blocked"],
)
def test_a_lane_that_hangs_is_told_from_one_that_waits(
    lease: type[TopicLease], moods: Moods, *, is_stuck: bool
) -> None:
    """
    The watchdog ends a process whose lane gets nowhere; a partner's outage is no reason for it.
    """
    longest: list[float] = []

    async def story(world: World) -> None:
        for number in range(300):
            world.topic.put(f"m{number}")
        owner = world.owner(lease(world.topic))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(owner.run())
            for _ in range(900):
                await asyncio.sleep(1.0)
                assert world.progress is not None
                longest.append(world.progress.stuck_for())
            running.cancel()

    in_world(20, story, moods)

    assert is_stuck == (max(longest) > 300)


@pytest.mark.parametrize("failing", [0.2, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_a_partner_that_often_fails_makes_no_record_look_bad(seed: int, failing: float) -> None:
    """However many of its answers are 503: nothing is dead-lettered for that."""

    async def story(world: World) -> None:
        for number in range(400):
            world.topic.put(f"m{number}")
        await world.own_to_the_end()

    world = in_world(seed, story, Moods(broken=failing, travel=0.1, answer=0.1))

    assert world.message_writer.of("letters") == []
    assert world.expected() == world.partner.members


def test_nothing_is_settled_before_it_is_written_down() -> None:
    """
    With a message writer that takes seconds and owners that die at any moment, every offset
    that was committed is in a job or a dead letter that is durable by then.
    """
    passed: list[int] = []

    async def look(world: World) -> None:
        while True:
            await asyncio.sleep(0.25)
            assert set(range(world.topic.committed.offset)) <= written_down(world)
            passed.append(world.topic.committed.offset)

    async def story(world: World) -> None:
        world.partner.poison = frozenset({"m77", "m301"})
        world.message_writer.seconds = 2.3
        for number in range(600):
            world.topic.put(f"m{number}")
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(look(world))
            for seconds in (4.2, 6.7, 3.1):
                await world.own_for(seconds)
            await world.own_to_the_end()
            looking.cancel()

    in_world(17, story, Moods(travel=0.2, answer=0.2))

    assert len(set(passed)) > 5


def written_down(world: World) -> set[int]:
    """Offsets in durable jobs and letters; a job's are those from its first to its last."""
    offsets = {int(dict(letter.headers)["offset"]) for letter in world.message_writer.of("letters")}
    for message in world.message_writer.of("jobs"):
        job = json.loads(message.value or b"")
        offsets.update(range(job["first_offset"], job["last_offset"] + 1))
    return offsets


def test_nothing_newer_of_a_member_overtakes_a_request_that_is_in_flight() -> None:
    """
    Requests travel for up to three seconds and may pass each other; one member's never do.
    """

    async def story(world: World) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(120))
            for number in range(400):
                world.topic.put(f"m{number % 20}")
                await asyncio.sleep(0.1)

    world = in_world(18, story, Moods(travel=3.0, answer=0.1))

    assert world.partner.overlapping == []
    assert world.expected() == world.partner.members


def test_a_successor_overtakes_nothing_that_its_predecessor_left_at_work() -> None:
    """An owner dies with a request on its way, which is applied seconds after its death."""

    async def story(world: World) -> None:
        world.partner.fates = [("silent", 8.0)]
        world.topic.put("m", "CREATE")
        await world.own_for(1.9)
        world.topic.put("m", "DELETE")
        await world.own_to_the_end()

    world = in_world(19, story, Moods(travel=0.01, answer=0.01))

    assert world.expected() == world.partner.members


def test_nothing_newer_of_a_member_overtakes_a_request_that_may_still_be_at_work() -> None:
    """
    The first attempt gets no answer and is applied five seconds later; the repeat is accepted at
    once; the member's next change waits until the first attempt can no longer arrive.
    """

    async def story(world: World) -> None:
        world.partner.fates = [("silent", 5.0)]
        world.topic.put("m", "CREATE")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_for(60))
            await asyncio.sleep(3)
            world.topic.put("m", "DELETE")

    world = in_world(10, story, Moods(travel=0.01, answer=0.01))

    assert world.expected() == world.partner.members
    times = [at for at, _ in world.partner.arrivals]
    assert len(times) == 3
    assert times[2] - times[0] >= 10.0


def test_an_owner_that_leaves_a_request_without_an_answer_does_not_say_clean() -> None:
    """The successor then waits before it sends, and the late request changes nothing."""

    async def story(world: World) -> None:
        world.partner.fates = [("silent", 8.0)]
        world.topic.put("m", "CREATE")
        await world.own_for(1.9, gently=True)
        world.topic.put("m", "DELETE")
        assert not world.topic.committed.is_clean
        await world.own_to_the_end()

    world = in_world(11, story, Moods(travel=0.01, answer=0.01))

    assert world.expected() == world.partner.members


def test_an_owner_that_is_still_taking_over_leaves_that_to_its_successor() -> None:
    """What the owner before it left in flight is not answered by leaving again."""

    async def story(world: World) -> None:
        world.partner.fates = [("silent", 9.0)]
        world.topic.put("m", "CREATE")
        await world.own_for(1.9)
        await world.own_for(2.0, gently=True)
        assert not world.topic.committed.is_clean
        world.topic.put("m", "DELETE")
        await world.own_to_the_end()

    world = in_world(15, story, Moods(travel=0.01, answer=0.01))

    assert world.expected() == world.partner.members


def test_an_owner_that_is_lost_before_it_took_over_leaves_what_is_committed_as_it_is() -> None:
    """It knows neither what is settled nor what is kept back, nor whether all was answered."""

    async def story(world: World) -> None:
        world.topic.put("m", "CREATE")
        world.topic.committed = StartingPoint(1, is_clean=False, paused={"8": 0})
        world.requests.known_after = 30.0
        await world.own_for(2.0, gently=True)
        states.append(world.topic.committed)

    states: list[StartingPoint] = []
    in_world(22, story)

    assert states == [StartingPoint(1, is_clean=False, paused={"8": 0})]


def test_an_owner_with_everything_answered_says_clean_and_its_successor_sends_at_once() -> None:
    """A handover costs no waiting when there is nothing to wait for."""

    async def story(world: World) -> None:
        world.topic.put("m", "CREATE")
        await world.own_for(10, gently=True)
        assert world.topic.committed.is_clean
        world.topic.put("m", "DELETE")
        async with asyncio.timeout(5):
            await world.own_to_the_end()

    world = in_world(12, story, Moods(travel=0.01, answer=0.01))

    assert world.expected() == world.partner.members


def test_handovers_in_quick_succession_never_exceed_the_cap() -> None:
    """Every owner starts with an empty bucket; full ones would add up."""

    async def story(world: World) -> None:
        world.batch, world.in_flight, world.late = 100, 2, 0.0
        for number in range(CAP * 6):
            world.topic.put(f"m{number}")
        for _ in range(30):
            await world.own_for(1.0, gently=True)

    world = in_world(13, story, Moods(travel=0.001, answer=0.001))

    assert 0 < world.partner.largest_window(WINDOW) < CAP


def test_a_clock_that_is_hurried_to_the_right_time_of_day_puts_no_lane_over_the_cap() -> None:
    """
    It was behind and is brought up without a jump: the event loop's clock runs faster meanwhile,
    by a twelfth at most, and an hour of it is shorter than the partner's.
    """

    async def story(world: World) -> None:
        world.hurry = 1.08
        for number in range(CAP * 4):
            world.topic.put(f"m{number}")
        await world.own_for(WINDOW * 4)

    world = in_world(20, story, Moods(travel=0.01, answer=0.01))

    assert 0.9 * CAP < world.partner.largest_window(WINDOW * 1.08) < CAP


def test_every_attempt_that_may_have_been_taken_is_paid_for() -> None:
    """A partner that counts and then fails, again and again, is still never over its cap."""

    async def story(world: World) -> None:
        world.batch, world.in_flight = 100, 8
        world.backoff = Backoff(initial=0.05, maximum=0.05)
        for number in range(CAP):
            world.topic.put(f"m{number}")
        await world.own_for(WINDOW * 2)

    world = in_world(14, story, Moods(broken=1.0, travel=0.02, answer=0.02))

    assert CAP / 2 < world.partner.largest_window(WINDOW) < CAP


@pytest.mark.parametrize("broken", [0.3, 0.6, 0.9])
def test_a_partner_that_fails_often_is_no_reason_to_give_a_record_up(broken: float) -> None:
    """
    Where other requests fail as well it is not the records, however often one of them fails.
    """

    async def story(world: World) -> None:
        world.batch, world.late = 2, 0.0
        world.backoff = Backoff(initial=0.5, maximum=60.0)
        for number in range(600):
            world.topic.put(f"m{number}")
        await world.own_to_the_end()

    world = in_world(17, story, Moods(broken=broken, travel=0.01, answer=0.01))

    assert world.message_writer.of("letters") == []
    assert world.expected() == world.partner.members


def test_delivered_records_leave_their_topic_once_they_need_not_be_kept() -> None:
    """Every hour what is settled and older than two hours may go, and never what is not settled."""

    async def story(world: World) -> None:
        for number in range(30):
            world.topic.put(f"m{number}")
        world.partner.poison = frozenset()
        await world.own_for(3 * 3600 + 1)

    world = in_world(16, story)

    assert [settled for settled, _ in world.topic.trimmed] == [30, 30, 30]
    ages = [
        3600 * (number + 1) * 1000 - before
        for number, (_, before) in enumerate(world.topic.trimmed)
    ]
    assert ages == pytest.approx([7_200_000] * 3, abs=2)
