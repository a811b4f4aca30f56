"""A job ends by the partner's word only, however long that takes."""

import asyncio

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.job import GIVEN_UP, NOT_FOUND, JobReport, NotYet, decode_job
from pipeline.stages.poll.following import Followed
from pipeline.stages.poll.rules import MISSING_POLLS, MISSING_SECONDS
from tests.fakes.poll_world import (
    RULES,
    EndingPartner,
    PollWorld,
    SayingPartner,
    ScriptedPartner,
    job,
    world_of,
)
from tests.fakes.virtual_loop import run_virtual

PENDING = JobReport(state="PENDING", end="pending")
MISSING = NotYet("not found", is_missing=True)
GATEWAY = NotYet("404 of a gateway")
DAY = 86_400.0


@pytest.mark.parametrize(
    "answer",
    [
        NotYet("reset"),
        NotYet("status 503"),
        NotYet("status 503", wait=30.0),
        NotYet("status 429", is_throttled=True),
        NotYet("200 text/html"),
        GATEWAY,
    ],
    ids=lambda answer: answer.detail,
)
def test_a_partner_that_is_away_for_longer_than_we_wait_ends_no_job(answer: NotYet) -> None:
    away = 2 * RULES.give_up_after
    world = world_of(SayingPartner(answer, until=away))
    world.topic.place(job("job"))

    run_virtual(world.followed_for(away + 600.0))

    assert world.states() == {"job": "SUCCEEDED"}


def test_a_pipeline_that_was_stopped_for_a_day_gives_nothing_up_for_a_reset_at_its_start() -> None:
    world = world_of(ScriptedPartner([NotYet("reset")] * 3))
    world.topic.place(job("job", submitted_at_ms=-int(DAY * 1000)))

    run_virtual(world.followed_for(120.0))

    assert world.states() == {"job": "SUCCEEDED"}


def test_a_job_that_the_partner_calls_pending_for_too_long_is_given_up() -> None:
    world = world_of(SayingPartner(PENDING, until=DAY))
    world.topic.place(job("job"))

    run_virtual(world.followed_for(RULES.give_up_after + 60.0))

    assert world.states() == {"job": GIVEN_UP}


def test_one_404_is_no_reason() -> None:
    world = world_of(ScriptedPartner([MISSING] * (MISSING_POLLS - 1)))
    world.topic.place(job("job", submitted_at_ms=-int(DAY * 1000)))

    run_virtual(world.followed_for(300.0))

    assert world.states() == {"job": "SUCCEEDED"}


def test_a_job_that_the_partner_never_knew_is_not_found_after_minutes() -> None:
    world = world_of(SayingPartner(MISSING, until=DAY))
    world.topic.place(job("job"))

    run_virtual(world.followed_for(600.0))

    asked = [at for at, _ in world.asked]
    assert world.states() == {"job": NOT_FOUND}
    assert len(asked) >= MISSING_POLLS
    assert asked[-1] - asked[0] >= MISSING_SECONDS


def test_a_gateway_that_says_404_for_an_hour_ends_no_job() -> None:
    world = world_of(SayingPartner(GATEWAY, until=3600.0))
    world.topic.place(job("job"))

    run_virtual(world.followed_for(4200.0))

    assert world.states() == {"job": "SUCCEEDED"}


def test_a_job_that_was_pending_once_is_known_for_ever() -> None:
    """
    Also by whoever takes it over: the message that carries it over says so.
    """
    world = world_of(ScriptedPartner([PENDING, *[MISSING] * 200]))
    world.topic.place(job("job"))

    async def story() -> None:
        await world.followed_for(200.0)
        await world.followed_for(3000.0)

    run_virtual(story())

    copies = [decode_job(record.value) for record in world.topic.records[1:]]
    assert copies
    assert all(copy.is_known for copy in copies)
    assert world.states() == {"job": "SUCCEEDED"}


def test_what_the_partner_said_before_a_job_was_carried_over_still_counts() -> None:
    """
    With long intervals no single stand in the topic sees it missing often enough.
    """
    world = PollWorld(partners={"amazon": SayingPartner(MISSING, until=DAY)}, carry_over_after=0.5)
    world.topic.place(job("job"))

    run_virtual(world.followed_for(1200.0))

    assert world.states() == {"job": NOT_FOUND}


def test_a_job_of_a_destination_that_nobody_here_knows_is_carried_over_at_intervals() -> None:
    """
    A rolling deployment: the new one knows the destination, and takes the partition over later.
    """
    world = world_of(EndingPartner({}))
    world.topic.place(job("job", destination="brand-new", submitted_at_ms=-int(DAY * 1000)))

    newer = PollWorld(partners={"brand-new": EndingPartner({})}, topic=world.topic)

    async def story() -> tuple[int, int]:
        lease = await world.followed_for(3600.0)
        copies = len(world.topic.records) - 1
        await newer.followed_for(60.0)
        return copies, lease.settled.offset

    copies, settled = run_virtual(story())

    assert (world.asked, world.states()) == ([], {})
    assert 3600.0 / 30.0 < copies <= 3600.0 / 15.0
    assert settled >= copies
    assert newer.states() == {"job": "SUCCEEDED"}


def test_a_job_of_another_version_waits_for_it_and_is_no_dead_letter() -> None:
    """
    It is written again byte for byte, so that its offset holds up no other; after the rollout, or
    a rollback, the version that wrote it follows it.
    """
    world = world_of(EndingPartner({}))
    newer = orjson.dumps({"format": 3, "job_id": "newer", "more": {"of": "what comes"}})
    world.topic.append(b"newer", newer)
    world.topic.place(job("ours"))

    lease = run_virtual(world.followed_for(100.0))

    copies = [record for record in world.topic.records if record.value == newer]
    assert 100.0 / 30.0 < len(copies) <= 1 + 100.0 / 15.0
    assert {copy.key for copy in copies} == {b"newer"}
    assert lease.settled.offset == len(world.topic.records) - 1
    assert world.writer.of("letters") == []
    assert world.states() == {"ours": "SUCCEEDED"}


def test_a_job_of_another_version_is_counted_as_long_as_it_is_kept() -> None:
    world = world_of(EndingPartner({}))
    world.topic.append(b"newer", b'{"format":3}')

    async def story() -> float:
        async with world.owned():
            await asyncio.sleep(5.0)
            return world.telemetry.levels["jobs_of_other_versions",]

    assert run_virtual(story()) == 1
    assert world.telemetry.levels["jobs_of_other_versions",] == 0


def test_an_old_job_of_an_outage_is_asked_at_intervals_and_does_not_spin() -> None:
    """
    It is older than any time after which it is carried over, and would be at every question.
    """
    world = world_of(SayingPartner(NotYet("reset"), until=DAY))
    world.topic.place(job("job", submitted_at_ms=-int(DAY * 1000)))

    run_virtual(world.followed_for(3600.0))

    assert len(world.asked) < 2 * 3600.0 / RULES.longest
    assert len(world.topic.records) <= 3600.0 / 15.0 + 2


ANSWERS = st.sampled_from([PENDING, MISSING, GATEWAY, NotYet("reset"), NotYet("429", 5.0)])


@example(said=[(MISSING, 1), (MISSING, 1), (MISSING, 1), (GATEWAY, 200_000)], is_known=False)
@given(
    said=st.lists(st.tuples(ANSWERS, st.integers(1, 4_000_000)), max_size=40),
    is_known=st.booleans(),
)
def test_no_row_of_answers_ends_a_job_against_the_word_of_the_partner(
    said: list[tuple[JobReport | NotYet, int]], is_known: bool
) -> None:
    followed = Followed(job("job", is_known=is_known), 0, 0)
    now_ms = 0
    missing: list[int] = []
    for answer, later_ms in said:
        now_ms += later_ms
        followed.hear(answer, now_ms)
        verdict = RULES.verdict(followed, answer, now_ms)
        is_known = is_known or answer is PENDING
        missing = [] if answer is PENDING else missing + [now_ms] * (answer is MISSING)
        if verdict == "given_up":
            assert answer is PENDING
            assert now_ms > RULES.give_up_after * 1000
        if verdict == "not_found":
            assert not is_known
            assert answer is MISSING
            assert len(missing) >= MISSING_POLLS
            assert now_ms - missing[0] >= MISSING_SECONDS * 1000
