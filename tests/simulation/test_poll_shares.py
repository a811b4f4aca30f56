"""Each destination, and within it each connection, has its own share of the questions."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.job import NotYet
from pipeline.stages.poll import worker
from pipeline.stages.poll.questions import THROTTLED_SECONDS
from pipeline.stages.retry import Throttle
from tests.fakes.poll_world import (
    RULES,
    EndingPartner,
    HangingPartner,
    Partner,
    PerSecond,
    PollWorld,
    SayingPartner,
    ScriptedPartner,
    job,
)
from tests.fakes.virtual_loop import run_virtual

JOBS = 200


@settings(max_examples=5)
@given(destinations=st.integers(2, 6), hanging=st.integers(0, 5))
def test_one_hanging_destination_delays_no_other(destinations: int, hanging: int) -> None:
    """
    The jobs of all others have ended within a minute.
    """
    names = [f"amazon-{number}" for number in range(destinations)]
    stuck = names[hanging % destinations]
    partners: dict[str, Partner] = {
        name: HangingPartner() if name == stuck else EndingPartner({}) for name in names
    }
    world = PollWorld(partners=partners, limiters={name: PerSecond(5.0) for name in names})
    for number in range(JOBS):
        for name in names:
            world.topic.place(job(f"{name} {number}", destination=name))

    run_virtual(world.followed_for(60.0))

    others = {f"{name} {number}" for name in names if name != stuck for number in range(JOBS)}
    assert set(world.states()) == others


def test_one_hanging_connection_delays_no_other_of_its_destination() -> None:
    partner = HangingPartner(names="stuck")
    world = PollWorld(partners={"amazon": partner}, limiter=PerSecond(5.0))
    for number in range(JOBS):
        world.topic.place(job(f"stuck {number}", connection="stuck"))
        world.topic.place(job(f"well {number}", connection="well"))

    run_virtual(world.followed_for(120.0))

    assert len(world.states()) == JOBS


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (NotYet("status 429", 120.0, is_throttled=True), 120.0),
        (NotYet("status 503", 120.0), 120.0),
        (NotYet("status 429", is_throttled=True), THROTTLED_SECONDS),
    ],
    ids=["429 with Retry-After", "503 with Retry-After", "429 without"],
)
def test_who_is_told_to_wait_asks_nothing_until_then(answer: NotYet, seconds: float) -> None:
    """
    Of 600 jobs only those are asked for that were on their way.
    """
    world = PollWorld(partners={"amazon": ScriptedPartner([answer])}, limiter=PerSecond(5.0))
    for number in range(600):
        world.topic.place(job(f"job {number}", connection=f"connection {number % 7}"))

    run_virtual(world.followed_for(seconds + 600.0))

    first, *others = [at for at, _ in world.asked]
    assert sum(at < first + seconds for at in others) <= 2
    assert len(world.states()) == 600


def test_another_destination_is_asked_meanwhile() -> None:
    told = ScriptedPartner([NotYet("status 429", 300.0, is_throttled=True)])
    world = PollWorld(partners={"told": told, "free": EndingPartner({})})
    world.topic.place(job("a", destination="told"))
    world.topic.place(job("b", destination="free"))

    run_virtual(world.followed_for(60.0))

    assert world.states() == {"b": "SUCCEEDED"}


def test_what_two_lanes_were_told_silences_questions_too() -> None:
    """
    The client is too fast, whatever it asks for.
    """
    throttle = Throttle()
    throttle.told("lane a", 100.0, 0.0)
    throttle.told("lane b", 100.0, 0.0)
    world = PollWorld(partners={"amazon": EndingPartner({})}, throttles={"amazon": throttle})
    world.topic.place(job("job"))

    run_virtual(world.followed_for(130.0))

    assert world.asked[0][0] >= 100.0
    assert world.states() == {"job": "SUCCEEDED"}


def test_a_throttled_question_and_a_throttled_lane_silence_the_client() -> None:
    throttle = Throttle()
    told = ScriptedPartner([NotYet("status 429", 50.0, is_throttled=True)])
    world = PollWorld(partners={"amazon": told}, throttles={"amazon": throttle})
    world.topic.place(job("job"))

    run_virtual(world.followed_for(5.0))
    throttle.told("lane a", 50.0, 5.0)

    assert throttle.wait("lane b", 5.0) > 0


def test_a_dead_destination_with_more_jobs_than_fit_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Its jobs stay in the topic and are read once more when there is room; each ends, once.
    """
    monkeypatch.setattr(worker, "PENDING_AT_MOST", 600)
    hanging = SayingPartner(NotYet("reset"), until=600.0)
    rules = replace(RULES, questions_per_second=1_000.0)
    partners: dict[str, Partner] = {"dead": hanging, "well": EndingPartner({})}
    world = PollWorld(partners=partners, rules=rules, carry_over_after=10_000.0)
    crowd = 2_000
    for number in range(crowd):
        world.topic.place(job(f"dead {number}", destination="dead", connection=f"{number % 50}"))
    world.topic.place(job("well", destination="well"))
    pending: list[float] = []

    async def story() -> int:
        async with world.owned() as lease:
            await asyncio.sleep(60.0)
            assert world.states() == {"well": "SUCCEEDED"}
            pending.append(world.telemetry.levels["jobs_pending", "dead", "0"])
            await asyncio.sleep(3_000.0)
            return lease.settled.offset

    assert run_virtual(story()) == crowd + 1
    assert pending == [crowd / 50]
    assert len(world.outcomes()) == crowd + 1
    assert len(set(world.outcomes())) == crowd + 1
    assert world.telemetry.levels["jobs_pending", "dead", "0"] == 0


def test_questions_keep_up_with_uploads() -> None:
    """
    Four jobs a second that take a minute, and five questions a second: nothing piles up.
    """
    seconds, rate = 1200, 4
    ends = {f"job {n}": n / rate + 60.0 for n in range(seconds * rate)}
    world = PollWorld(partners={"amazon": EndingPartner(ends)}, limiter=PerSecond(5.0), rules=RULES)
    waiting: list[int] = []

    async def story() -> None:
        async with world.owned():
            for number in range(seconds * rate):
                at = number / rate
                world.topic.place(job(f"job {number}", submitted_at_ms=int(at * 1000)))
                await world.sleep_until(at + 1 / rate)
                if number % 100 == 0:
                    waiting.append(number + 1 - len(world.outcomes()))

    run_virtual(story())

    half = len(waiting) // 2
    assert max(waiting[half:]) < 1.2 * max(waiting[:half])


@given(
    polls=st.integers(0, 1000), few=st.integers(0, 100_000), more=st.integers(0, 100_000),
    chance=st.floats(0.0, 1.0),
)  # fmt: skip
def test_the_more_wait_the_later_each_is_asked(
    polls: int, few: int, more: int, chance: float
) -> None:
    few, more = sorted((few, more))
    waits = [RULES.interval(polls, backlog, chance) for backlog in (few, more)]

    assert all(earlier <= later for earlier, later in pairwise(waits))
    assert waits[-1] >= 0.89 * more / RULES.questions_per_second
