"""A job is followed at growing intervals to its end, and then asked for no more."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.destinations.changes import Following
from pipeline.domain.job import JobReport, NotYet
from pipeline.operations.job_watching import watched
from pipeline.operations.trouble import OperationFailed

FOLLOWING = Following(
    first=1,
    factor=2,
    longest=10,
    give_up_after=100,
    missing_tolerated=5,
    requests_per_second=1,
)
PENDING = JobReport(state="PENDING", end="pending")
MISSING = NotYet("404 not found", is_missing=True)
AWAY = NotYet("503 away")


class Watch:
    """A partner that says what is written, the last thing for ever, in virtual time."""

    def __init__(self, said: Sequence[JobReport | NotYet]) -> None:
        self._said = list(said)
        self.asked_at: list[float] = []
        self.told: list[float] = []
        self.now = 0.0

    async def ask(self) -> JobReport | NotYet:
        self.asked_at.append(self.now)
        return self._said.pop(0) if len(self._said) > 1 else self._said[0]

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def run(self) -> JobReport:
        return asyncio.run(
            watched(
                self.ask,
                FOLLOWING,
                told=lambda _, pause: self.told.append(pause),
                sleep=self.sleep,
                now=lambda: self.now,
            )
        )


@pytest.mark.parametrize("state", ["SUCCEEDED", "PARTIALLYSUCCEEDED", "FAILED", "COMPLETED"])
def test_an_ended_job_is_asked_for_once(state: str) -> None:
    watch = Watch([JobReport(state=state, end="applied")])

    assert state == watch.run().state
    assert (watch.asked_at, watch.told) == ([0.0], [])


def test_the_intervals_grow_to_the_longest() -> None:
    watch = Watch([PENDING] * 6 + [JobReport(state="SUCCEEDED", end="applied")])

    watch.run()

    assert watch.told == [1, 2, 4, 8, 10, 10]
    assert watch.asked_at == [0, 1, 3, 7, 15, 25, 35]


def test_a_partner_in_trouble_is_asked_again() -> None:
    watch = Watch([AWAY, MISSING, PENDING, JobReport(state="COMPLETED", end="applied")])

    assert watch.run().state == "COMPLETED"


def test_a_job_that_stays_unknown_is_given_up_soon() -> None:
    watch = Watch([MISSING])

    with pytest.raises(OperationFailed, match="404 not found"):
        watch.run()

    assert watch.now == 7


def test_a_job_that_never_ends_is_given_up_late() -> None:
    watch = Watch([PENDING])

    with pytest.raises(OperationFailed, match="PENDING"):
        watch.run()

    assert 100 <= watch.now < 120
