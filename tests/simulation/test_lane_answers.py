"""One lane, and what a partner, something before it, or a stored record can say to it."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from pipeline.domain.job import decode_outcome
from pipeline.domain.lane_record import HEADER, encode_header
from pipeline.domain.quota import Quota
from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Applied,
    Blocked,
    InDoubt,
    Invalid,
    NotSent,
    NotThePartner,
    Refused,
    Throttled,
)
from pipeline.stages.ports import StartingPoint
from pipeline.stages.retry import Backoff
from pipeline.stages.upload.bisector import HOPELESS_RUN
from pipeline.stages.upload.delivery_states import FOREIGN_PATIENCE
from pipeline.stages.upload.poison_record import PATIENCE
from pipeline.stages.upload.tally import UNTRACKED_IN_A_ROW
from pipeline.stages.upload.worker import UploadWorker
from tests.fakes.lane_world import Moods, TopicLease, TopicRecord
from tests.fakes.virtual_loop import VirtualLoop
from tests.simulation.world import CAP, LABEL, WINDOW, World, in_world

QUICK = Moods(travel=0.01, answer=0.01)
PAGE = "200 text/html: a sign-in page"
TROUBLES: dict[str, Answer] = {
    "a 500": InDoubt("500 Internal failure"),
    "a timeout": InDoubt("no answer within 60 s"),
    "a reset before the end of the body": NotSent("connection reset"),
}


def put(world: World, count: int, audience: str = "7") -> None:
    for number in range(count):
        world.topic.put(f"m{number}", audience=audience)


def says(answer: Answer) -> Callable[[str, Sequence[str]], Answer]:
    return lambda audience, members: answer


def fails_on(answer: Answer, poison: set[str]) -> Callable[[str, Sequence[str]], Answer | None]:
    return lambda audience, members: answer if poison.intersection(members) else None


async def served(
    world: World, seconds: float, then: Callable[[UploadWorker], None] | None = None
) -> UploadWorker:
    """Own the lane for a while, and look at its worker before it ends."""
    worker = world.owner(TopicLease(world.topic))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        await asyncio.sleep(seconds)
        assert not running.done()
        if then is not None:
            then(worker)
        running.cancel()
    return worker


async def trickle(world: World, seconds: float = 0.4) -> None:
    """Changes of another audience that come one by one, for ever."""
    while True:
        world.topic.put(f"o{len(world.topic.records)}", audience="9")
        await asyncio.sleep(seconds)


async def served_until_found(world: World, poison: set[str], seconds: float = 1000) -> None:
    """Own the lane, with some traffic of others, until all of these are dead letters; then end."""
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
        others = tasks.create_task(trickle(world))
        await world.own_until(lambda: named(world).keys() >= poison)
        others.cancel()
    async with asyncio.timeout(100):
        await world.own_to_the_end()


def named(world: World) -> Counter[str]:
    keys = [letter.key for letter in world.message_writer.of("letters")]
    return Counter(key.decode().partition("|")[2] for key in keys if key is not None)


# Something else answers


@pytest.mark.parametrize("answer", [NotThePartner(PAGE), Accepted(None)], ids=["a page", "no job"])
def test_what_is_no_acceptance_blocks_the_lane_and_nothing_counts_as_delivered(
    answer: Answer,
) -> None:
    """It may pass, so it is asked a few times first; afterwards one record a minute asks."""

    async def story(world: World) -> None:
        world.partner.judge = says(answer)
        put(world, 300)
        worker = await served(world, 100)
        assert worker.status()["state"] == "blocked"
        assert worker.status()["cause"] == "not_the_partner"
        assert worker.status()["detail"]
        assert worker.status()["next_offset_to_settle"] == 0

    world = in_world(1, story, QUICK)

    sizes = [len(members) for _, members in world.partner.requests]
    assert sizes.count(15) <= FOREIGN_PATIENCE * world.in_flight
    assert set(sizes) == {15, 1}
    assert sum(sizes) <= world.spent
    assert world.message_writer.messages == []


@pytest.mark.parametrize("answer", [NotThePartner(PAGE), Accepted(None)], ids=["a page", "no job"])
def test_a_lane_that_something_else_answered_for_resumes_by_itself(answer: Answer) -> None:
    async def story(world: World) -> None:
        world.partner.judge = says(answer)
        put(world, 300)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(100)
            world.partner.judge = lambda audience, members: None

    world = in_world(2, story, QUICK)

    assert world.expected() == world.partner.members
    assert world.message_writer.of("letters") == []


def test_a_page_now_and_then_is_repeated_and_blocks_nothing() -> None:
    async def story(world: World) -> None:
        world.partner.judge = lambda audience, members: (
            NotThePartner(PAGE) if world.random.random() < 0.3 else None
        )
        put(world, 300)
        await world.own_to_the_end()

    world = in_world(3, story, QUICK)

    assert world.expected() == world.partner.members
    assert ("lane_state", "amazon", "connection", "blocked") not in world.telemetry.levels


def test_an_acceptance_without_a_job_is_one_while_others_get_their_jobs() -> None:
    """It is written down as such, and not sent a second time."""

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, members: (
            Accepted(None) if "m100" in members else None
        )
        put(world, 300)
        await world.own_to_the_end()

    world = in_world(4, story, QUICK)

    [outcome] = world.message_writer.of("outcomes")
    assert json.loads(outcome.value or b"")["state"] == "ACCEPTED_UNTRACKED"
    sent = [member for _, members in world.partner.requests for member in members]
    assert len(sent) == 300
    assert world.ledger().records.accepted == 285


def test_an_answer_that_is_the_end_needs_no_job() -> None:
    """What it carried out is written down as applied, what it names invalid as a dead letter."""

    async def story(world: World) -> None:
        def judge(audience: str, members: Sequence[str]) -> Answer:
            invalid = [Invalid(at, "bad hash") for at, one in enumerate(members) if one == "m7"]
            return Applied(tuple(invalid))

        world.partner.judge = judge
        put(world, 30)
        await world.own_to_the_end()

    world = in_world(8, story, QUICK)

    outcomes = [decode_outcome(one.value) for one in world.message_writer.of("outcomes")]
    assert {one.end for one in outcomes} == {"applied"}
    taken = [offset for one in outcomes for run in one.job.placed() or () for offset in run]
    assert sorted(taken) == [offset for offset in range(30) if offset != 7]
    assert len({one.job.job_id for one in outcomes}) == len(outcomes)
    [letter] = world.message_writer.of("letters")
    assert (dict(letter.headers)["reason"], letter.key) == (b"invalid", b"7|m7")
    assert dict(letter.headers)["offset"] == b"7"
    assert world.message_writer.of("jobs") == []
    assert len(world.partner.members) == 29
    lane = LABEL.destination, LABEL.connection
    assert world.telemetry.counts["records_accepted", *lane, "add"] == 29
    assert world.telemetry.counts["records_applied", *lane] == 29
    assert world.telemetry.counts["dead_letters_written", "upload", "invalid"] == 1


def test_an_answer_that_names_every_record_invalid_has_no_outcome() -> None:
    async def story(world: World) -> None:
        world.partner.judge = lambda audience, members: Applied(
            tuple(Invalid(at, "unknown audience") for at in range(len(members)))
        )
        put(world, 20)
        await world.own_to_the_end()

    world = in_world(9, story, QUICK)

    assert world.message_writer.of("outcomes") == []
    assert len(world.message_writer.of("letters")) == 20
    assert world.partner.members == {}


def test_a_lane_that_got_jobs_and_gets_none_any_more_does_not_drain_into_nothing() -> None:
    """A backlog of a hundred batches: a few count as accepted, then the lane is blocked."""

    async def story(world: World) -> None:
        put(world, 1500)
        world.partner.judge = lambda audience, members: (
            Accepted(None) if world.partner.jobs >= 3 else None
        )
        worker = await served(world, 100)
        assert worker.status()["cause"] == "not_the_partner"

    world = in_world(5, story, QUICK)

    assert len(world.message_writer.of("outcomes")) <= UNTRACKED_IN_A_ROW + world.in_flight


def test_two_acceptances_of_the_same_record_without_a_job_have_two_ids() -> None:
    """A message that is written twice is one acceptance; a record that is taken twice is two."""

    async def story(world: World) -> None:
        world.batch = 1
        put(world, 10)
        world.partner.judge = lambda audience, members: Accepted(None) if "m5" in members else None
        await world.own_to_the_end()
        world.topic.committed = world.topic.committed._replace(offset=0)
        await world.own_to_the_end()

    world = in_world(6, story, QUICK)

    outcomes = [json.loads(one.value or b"") for one in world.message_writer.of("outcomes")]
    assert [one["first_offset"] for one in outcomes] == [5, 5]
    assert len({one["job_id"] for one in outcomes}) == 2
    assert all(one["job_id"].startswith("untracked-lane-5-") for one in outcomes)


# What a stored record says


def test_a_record_of_another_version_blocks_its_lane_and_nothing_is_lost() -> None:
    """
    What stands before it is delivered, what stands behind it waits, and nothing is dead-lettered;
    the release that can read it goes on there.
    """

    async def story(world: World) -> None:
        put(world, 20)
        value = b'{"externalUserId":"new","action":"CREATE","version":21}'
        world.topic.append(b"7|new", value, [(HEADER, b"3;add;0;;0:0")])
        world.topic.put("m3", "DELETE")
        before = world.expected()
        worker = await served(world, 200)
        assert worker.status()["cause"] == "unknown_version"
        assert "version 3" in str(worker.status()["detail"])
        assert "offset 20" in str(worker.status()["detail"])
        assert worker.status()["next_offset_to_settle"] == 20
        assert len(world.partner.members) == 20
        assert world.partner.members["7", "m3"] < before["7", "m3"]
        readable = world.topic.records[20]
        headers = encode_header("add", 0, b"", 0, 0)
        world.topic.records[20] = type(readable)(20, readable.key, readable.value, headers)
        await world.own_to_the_end()

    world = in_world(7, story, QUICK)

    assert world.expected() == world.partner.members
    assert world.message_writer.of("letters") == []


def test_a_record_of_another_version_in_a_paused_audience_blocks_the_lane_at_its_resume() -> None:
    async def story(world: World) -> None:
        world.requests.pause("8")
        put(world, 20)
        world.topic.append(b"8|new", b'{"n":1}', [(HEADER, b"3;add;0;;0:0")])
        put(world, 20)
        worker = world.owner(TopicLease(world.topic))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(worker.run())
            await asyncio.sleep(20)
            assert worker.status()["next_offset_to_settle"] == 41
            world.requests.resume("8")
            await asyncio.sleep(100)
            assert worker.status()["cause"] == "unknown_version"
            running.cancel()

    world = in_world(8, story, QUICK)

    assert world.message_writer.of("letters") == []


# What the partner's package raises


def test_an_error_of_the_partners_package_blocks_its_lane_and_ends_no_process() -> None:
    """It says where, and not what: the text of an error may quote a person's data."""

    async def story(world: World) -> None:
        put(world, 100)
        world.partner.raises = lambda members: "m50" in members
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(100)
            world.partner.raises = lambda members: False

    world = in_world(9, story, QUICK)

    assert world.expected() == world.partner.members
    assert world.message_writer.of("letters") == []


def test_what_is_shown_of_an_error_names_its_place_and_nobody() -> None:
    async def story(world: World) -> None:
        put(world, 100)
        world.partner.raises = lambda members: "m50" in members
        worker = await served(world, 30)
        assert worker.status()["cause"] == "internal"
        detail = str(worker.status()["detail"])
        assert detail.startswith("ValueError in ModelPartner.send, line ")
        assert "m50" not in detail

    in_world(10, story, QUICK)


def test_an_error_where_a_record_is_read_blocks_the_lane_as_well() -> None:
    def misfit(audience: str, route: bytes) -> str | None:
        raise KeyError(audience)

    async def story(world: World) -> None:
        put(world, 10)
        world.misfit = misfit
        worker = await served(world, 100)
        assert worker.status()["cause"] == "internal"
        assert str(worker.status()["detail"]).startswith("offset 0: KeyError in ")

    world = in_world(11, story, QUICK)

    assert world.partner.requests == []
    assert world.message_writer.messages == []


# Bodies that fail again and again


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("batch", [1, 15])
def test_when_all_slots_hold_a_poison_record_all_are_found_and_the_rest_is_delivered(
    trouble: Answer, in_flight: int, batch: int
) -> None:
    """The first batch of each slot holds one; so many are sent in vain as can be counted."""
    poison = {f"m{batch * slot}" for slot in range(in_flight)}

    async def story(world: World) -> None:
        world.batch, world.in_flight = batch, in_flight
        world.partner.poison = frozenset(poison)
        world.partner.judge = fails_on(trouble, poison)
        put(world, 300)
        await served_until_found(world, poison)

    world = in_world(12, story, QUICK)

    assert named(world) == Counter(poison)
    assert world.expected() == world.partner.members
    paid = sum(len(members) for audience, members in world.partner.requests if audience == "7")
    assert paid <= 300 + in_flight * (2 * PATIENCE * batch + 100)
    assert world.partner.largest_window(WINDOW) < CAP


def test_poison_in_every_batch_is_found_while_the_good_ones_pass() -> None:
    poison = {f"m{number}" for number in range(0, 300, 15)}

    async def story(world: World) -> None:
        world.partner.poison = frozenset(poison)
        world.partner.judge = fails_on(InDoubt("500"), poison)
        put(world, 300)
        await served_until_found(world, poison)

    world = in_world(13, story, QUICK)

    assert named(world) == Counter(poison)
    assert world.expected() == world.partner.members


def test_an_outage_of_hours_gives_nothing_up_and_leaves_no_crumbs() -> None:
    """Halved down to single records while nothing passed, it is sent in few requests after all."""

    async def story(world: World) -> None:
        world.batch, world.backoff = 200, Backoff(initial=0.5, maximum=20.0)
        world.max_bytes = 1_000_000
        put(world, 2000)
        world.partner.judge = says(InDoubt("503"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(3600)
            during.append(len(world.partner.requests))
            world.partner.judge = lambda audience, members: None

    during: list[int] = []
    world = in_world(14, story, QUICK)

    assert world.message_writer.of("letters") == []
    assert world.expected() == world.partner.members
    assert len(world.partner.requests) - during[0] < 200


def test_an_audience_on_which_the_partner_fails_is_not_given_up_record_by_record() -> None:
    """Another audience passes; but where everything of one fails it is not the records."""
    causes: Counter[object] = Counter()

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, members: InDoubt("500") if audience == "8" else None
        put(world, 60, audience="8")
        worker = world.owner(TopicLease(world.topic))
        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(trickle(world))
            running = tasks.create_task(worker.run())
            for _ in range(1000):
                await asyncio.sleep(1)
                causes[worker.status()["cause"]] += 1
            others.cancel()
            running.cancel()

    world = in_world(15, story, QUICK)

    assert len(named(world)) < HOPELESS_RUN
    assert causes.keys() == {None, "mostly_refused"}
    assert causes["mostly_refused"] > 100
    assert len(world.partner.members) > 1000


def test_a_record_that_cannot_be_sent_has_one_dead_letter_whatever_blocks_the_lane() -> None:
    """
    The block ends the reading, but not between a dead letter and its offset.
    """

    async def story(world: World) -> None:
        world.message_writer.seconds, world.message_writer.is_durable_first = 20.0, True
        world.partner.judge = lambda audience, members: Blocked("forbidden", "403")
        put(world, 20)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(1)
            world.topic.append(None, b"no record")
            await asyncio.sleep(300)
            world.partner.judge = lambda audience, members: None

    world = in_world(18, story, QUICK)

    assert len(world.message_writer.of("letters")) == 1
    assert len(world.partner.members) == 20


def test_a_lane_of_which_one_audience_is_refused_is_shown_as_blocked_until_that_is_mended() -> None:
    """
    Others of the lane go on meanwhile, but nobody is told each minute that all is well again.
    """
    states: list[str] = []
    others: list[int] = []

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, _: InDoubt("500") if audience == "8" else None
        put(world, 60, audience="8")
        worker = world.owner(TopicLease(world.topic))
        async with asyncio.TaskGroup() as tasks:
            trickling = tasks.create_task(trickle(world))
            running = tasks.create_task(worker.run())
            for _ in range(1000):
                await asyncio.sleep(1)
                states.append(worker.state)
            assert worker.blocked is not None
            assert worker.blocked.detail == "audience 8: 500"
            others.append(len(world.partner.members))
            world.partner.judge = lambda audience, members: None
            await asyncio.sleep(200)
            states.append(worker.state)
            assert worker.blocked is None
            trickling.cancel()
            running.cancel()

    in_world(17, story, QUICK)

    first = states.index("blocked")
    assert set(states[first:-1]) == {"blocked"}
    assert states[-1] == "running"
    assert others[0] > 500


def test_others_of_a_lane_are_delivered_while_every_record_of_one_audience_is_refused() -> None:
    """
    Its records came first, and more come. It is asked about once a minute, with a few records,
    nothing of it is given up, and it goes on by itself once it is mended.
    """
    delivered: list[int] = []
    asked: list[int] = []

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, _: Refused("400") if audience == "8" else None
        put(world, 200, audience="8")
        put(world, 200, audience="9")
        async with asyncio.TaskGroup() as tasks:
            trickling = tasks.create_task(trickle(world))
            running = tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(1200)
            put(world, 200, audience="8")
            before = len(of_audience(world, "8"))
            await asyncio.sleep(600)
            asked.append(len(of_audience(world, "8")) - before)
            trickling.cancel()
            await asyncio.sleep(120)
            delivered.append(sum(audience == "9" for audience, _ in world.partner.members))
            world.partner.judge = lambda audience, members: None
            await running

    world = in_world(19, story, QUICK)

    assert delivered == [sum(audience == "9" for audience, _ in world.expected())]
    assert asked[0] <= 10 * 25
    assert world.message_writer.of("letters") == []
    assert world.expected() == world.partner.members


def test_a_refused_audience_that_alone_stands_before_an_unreadable_record_is_asked_no_faster() -> (
    None
):
    """There is nobody else to serve between two questions, and still a minute lies between them."""

    async def story(world: World) -> None:
        world.partner.judge = lambda audience, _: Refused("400")
        put(world, 10, audience="8")
        value = b'{"externalUserId":"new","action":"CREATE","version":21}'
        world.topic.append(b"8|new", value, [(HEADER, b"3;add;0;;0:0")])
        await served(world, 1200)

    world = in_world(21, story, QUICK)

    assert 0 < len(world.partner.requests) <= 21 * 40


def of_audience(world: World, audience: str) -> list[list[str]]:
    return [members for one, members in world.partner.requests if one == audience]


def test_a_lane_whose_first_record_is_poison_resumes_all_the_same_once_it_is_mended() -> None:
    """The record that asks is the one on which the partner fails: that is no block."""

    async def story(world: World) -> None:
        put(world, 100)
        world.partner.poison = frozenset({"m0"})
        world.partner.moods = Moods(stopping=1.0, travel=0.01, answer=0.01)
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(served_until_found(world, {"m0"}))
            await asyncio.sleep(70)
            world.partner.judge = fails_on(InDoubt("500"), {"m0"})
            world.partner.moods = QUICK
            await serving

    world = in_world(16, story, QUICK)

    assert named(world) == {"m0": 1}
    assert world.expected() == world.partner.members


@pytest.mark.parametrize("wait", [20.0, 50.0])
def test_a_lane_is_silent_for_as_long_as_any_answer_asks(wait: float) -> None:
    """Also with 503: none of its slots sends anything meanwhile."""

    async def story(world: World) -> None:
        world.partner.fates = []
        answers = [InDoubt("503", wait=wait)]
        world.partner.judge = lambda audience, members: answers.pop() if answers else None
        put(world, 15)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(world.own_to_the_end())
            await asyncio.sleep(2)
            put(world, 150, audience="8")

    world = in_world(17, story, QUICK)

    first, second = sorted(at for at, _ in world.partner.arrivals)[:2]
    assert wait <= second - first <= wait + 5


@pytest.mark.parametrize(
    ("answer", "window"), [(InDoubt("503"), 30), (Refused("no"), 15), (Throttled(1.0), 15)]
)
def test_the_window_shows_the_records_of_what_may_have_been_taken(
    answer: Answer, window: int
) -> None:
    """A first attempt ends so, and what comes of it is accepted."""

    async def story(world: World) -> None:
        answers = [answer]
        world.partner.judge = lambda audience, members: answers.pop() if answers else None
        put(world, 15)
        await served(world, 5, lambda worker: shown.update(worker.status()))

    shown: dict[str, object] = {}
    world = in_world(3, story, QUICK)

    assert sum(len(members) for _, members in world.partner.requests) == 30
    assert shown["window_records"] == window


@pytest.mark.parametrize("refused", [0.0, 0.4], ids=["all is taken", "much is refused"])
def test_a_partner_that_counts_requests_and_bytes_is_never_over_either(refused: float) -> None:
    """It counts no records, and it counts what it refuses as well."""
    arrived: list[tuple[float, int]] = []

    def judge(world: World) -> Callable[[str, Sequence[str]], Answer | None]:
        def judged(audience: str, members: Sequence[str]) -> Answer | None:
            size = 20 + sum(len(world.topic.records[int(one[1:])].value or b"") for one in members)
            arrived.append((asyncio.get_running_loop().time(), size))
            return Refused("no") if len(members) > 1 and world.random.random() < refused else None

        return judged

    async def story(world: World) -> None:
        world.batch, world.max_bytes = 15, 1000
        world.quota = Quota(window=WINDOW, requests=60, bytes=40_000)
        world.partner.judge = judge(world)
        put(world, 3000)
        await served(world, WINDOW * 5)

    world = in_world(20, story, QUICK)

    assert len(world.partner.requests) > 2 * 60
    for first, (start, _) in enumerate(arrived):
        inside = [size for at, size in arrived[first:] if at < start + WINDOW]
        assert len(inside) < 60
        assert sum(inside) < 40_000


# What operators are shown


def test_the_cause_of_the_last_failure_stands_in_the_status_with_how_often() -> None:
    async def story(world: World) -> None:
        world.partner.judge = says(NotSent("getaddrinfo: Name or service not known"))
        put(world, 15)
        worker = await served(world, 60)
        failure = worker.status()["last_failure"]
        assert isinstance(failure, dict)
        assert failure["detail"] == "getaddrinfo: Name or service not known"
        assert failure["times"] == len(world.partner.requests)
        assert failure["seconds_ago"] <= 5

    in_world(18, story, QUICK)


def test_the_status_shows_what_it_promises() -> None:
    async def story(world: World) -> None:
        put(world, 30)
        worker = await served(world, 5)
        assert worker.status() == {
            "state": "running",
            "cause": None,
            "detail": None,
            "last_failure": None,
            "waiting_records": 0,
            "requests_in_flight": 0,
            "window_records": 30,
            "cap": CAP,
            "next_offset_to_settle": 30,
            "paused_audiences": {},
        }

    in_world(19, story, QUICK)


class PatientLease(TopicLease):
    """Hands nothing out before there is something."""

    async def fetch(self, most: int) -> Sequence[TopicRecord]:
        while not (fetched := await super().fetch(most)):
            self._topic.grown.clear()
            await self._topic.grown.wait()
        return fetched


def test_an_idle_lane_is_hardly_ever_woken() -> None:
    """A thousand of them must not burn a core; ten wake-ups a minute are a lane's share."""
    waits: list[int] = []

    async def story(world: World) -> None:
        put(world, 30)
        worker = world.owner(PatientLease(world.topic))
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(worker.run())
            await asyncio.sleep(60)
            before = loop.waits()
            await asyncio.sleep(1200)
            waits.append(loop.waits() - before)
            running.cancel()

    world = in_world(21, story, QUICK)

    assert world.expected() == world.partner.members
    assert waits[0] <= 10 * 20


def test_a_lane_that_takes_over_after_an_unclean_end_says_so() -> None:
    async def story(world: World) -> None:
        world.topic.committed = StartingPoint(0, is_clean=False)
        await served(world, 5, lambda worker: shown(world, worker))

    def shown(world: World, worker: UploadWorker) -> None:
        told = {key[3] for key in world.telemetry.levels if key[0] == "lane_state"}
        states.extend([worker.status()["state"], told])

    states: list[object] = []
    in_world(22, story, QUICK)

    assert states == ["taking_over", {"taking_over"}]
