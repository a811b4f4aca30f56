"""The budget of runs: never more than so many in any rolling day."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.stages.snapshot.budget import DAY_MS, Budget
from tests.fakes.snapshot_rules import RULES

HOUR_MS = 3_600_000


def far_ahead() -> Callable[[], float]:
    """
    A steady clock by which everything is long ago: then the time of day alone counts.
    """
    return map(float, count(step=DAY_MS)).__next__


def budget(*, a_day: int = 20, of_one: int = 20, total: int | None = None) -> Budget:
    return Budget(
        replace(
            RULES,
            runs_per_day=a_day,
            runs_per_audience_and_day=of_one,
            runs_per_audience_total=total,
        ),
        far_ahead(),
    )


def paid(budget: Budget, ats: list[int], audience: str = "a") -> Budget:
    for n, at_ms in enumerate(ats):
        budget.charge(audience, n, at_ms, at_ms)
    return budget


@given(
    asks=st.lists(st.tuples(st.integers(0, 3 * DAY_MS), st.booleans()), max_size=60),
    a_day=st.integers(1, 12),
)
def test_no_rolling_day_has_more_runs_than_allowed(
    asks: list[tuple[int, bool]], a_day: int
) -> None:
    """
    Whatever the partner's day begins with: each window of 24 hours and five minutes is one.
    """
    money = budget(a_day=a_day)
    spent: list[int] = []

    for n, (at_ms, is_urgent) in enumerate(sorted(asks)):
        if money.free_at("a", at_ms, is_urgent=is_urgent) <= at_ms:
            money.charge("a", n, at_ms, at_ms)
            spent.append(at_ms)

    for end in spent:
        assert sum(end - DAY_MS < at <= end for at in spent) <= a_day


@given(ats=st.lists(st.integers(0, DAY_MS), max_size=30), a_day=st.integers(1, 12))
def test_when_a_run_is_said_to_be_free_it_is_free(ats: list[int], a_day: int) -> None:
    """Whoever waits until then does not wait in vain, if nobody else pays meanwhile."""
    money = paid(budget(a_day=a_day, of_one=a_day), sorted(ats))
    now_ms = DAY_MS

    free_at = money.free_at("a", now_ms, is_urgent=True)

    assert money.free_at("a", free_at, is_urgent=True) == free_at
    assert free_at == now_ms or money.free_at("a", free_at - 1, is_urgent=True) == free_at


def test_a_burnt_run_counts_and_a_refunded_one_does_not() -> None:
    """Only where surely nothing was started is the payment given back."""
    money = paid(budget(a_day=2), [0, 1])

    assert money.used(10) == 2
    money.refund("a", 1)
    assert money.used(10) == 1
    assert money.free_at("b", 10, is_urgent=True) == 10


def test_a_tenth_is_kept_for_withdrawals_and_operators() -> None:
    """Ordinary snapshots must not use up what an erasure needs."""
    money = paid(budget(a_day=20), [0] * 18)

    assert money.free_at("b", 10, is_urgent=False) > 10
    assert money.free_at("b", 10, is_urgent=True) == 10


def test_one_run_a_day_can_be_used() -> None:
    """A tenth of a small budget is nothing."""
    money = budget(a_day=1)

    assert money.free_at("a", 5, is_urgent=False) == 5


def test_runs_that_others_are_about_to_pay_for_are_not_given_twice() -> None:
    """Else two files would wait for the same run, and one of them for a day."""
    money = paid(budget(a_day=3), [0])

    assert money.free_at("b", 10, is_urgent=True, reserved=1) == 10
    assert money.free_at("b", 10, is_urgent=True, reserved=2) > 10
    assert money.free_at("b", 10, is_urgent=True, reserved=9) > 10


def test_files_that_wait_for_an_ordinary_run_take_none_that_is_kept_for_withdrawals() -> None:
    """They may not pay with it, so a withdrawal would wait for nothing."""
    money = paid(budget(a_day=20), [0] * 17)

    assert money.free_at("b", 10, is_urgent=True, reserved=5) == 10
    assert money.free_at("b", 10, is_urgent=False, reserved=1) > 10
    paid(money, [1] * 2, "b")
    assert money.free_at("b", 10, is_urgent=True, reserved=5) == 10
    paid(money, [1], "c")
    assert money.free_at("d", 10, is_urgent=True, reserved=5) > 10


def test_one_audience_has_its_own_limit() -> None:
    """The partner counts the runs of each audience, too."""
    money = paid(budget(of_one=2), [0, HOUR_MS])

    assert money.free_at("a", 2 * HOUR_MS, is_urgent=True) == DAY_MS
    assert money.free_at("b", 2 * HOUR_MS, is_urgent=True) == 2 * HOUR_MS


@pytest.mark.parametrize(
    ("total", "runs", "worn_out"), [(None, 999, False), (10, 9, False), (10, 10, True)]
)
def test_an_audience_may_have_a_limit_for_its_whole_life(
    total: int | None, runs: int, worn_out: bool
) -> None:
    """One reading of the partner's "10 ingestions per audience"."""
    assert worn_out == budget(total=total).is_worn_out(runs)


def test_what_counts_no_more_is_let_go() -> None:
    """Memory is bounded: a year of runs is not kept."""
    money = paid(budget(), [0, 10])

    money.forget(DAY_MS + 5)

    assert money.used(10) == 1


class Clocks:
    """
    A time of day that somebody sets, and a clock that nobody does.
    """

    def __init__(self) -> None:
        self.now_ms, self.seconds = 1_790_000_000_000, 500.0

    def pass_by(self, ms: int) -> None:
        self.now_ms += ms
        self.seconds += ms / 1000

    def steady(self) -> float:
        return self.seconds


def at(clocks: Clocks, money: Budget, *, is_urgent: bool = True) -> int:
    return money.free_at("a", clocks.now_ms, is_urgent=is_urgent) - clocks.now_ms


@given(ahead_ms=st.integers(-3 * DAY_MS, 3 * DAY_MS), passed_ms=st.integers(0, DAY_MS - 10))
@example(ahead_ms=DAY_MS, passed_ms=0)
def test_a_time_of_day_that_is_set_anew_forgets_no_run(ahead_ms: int, passed_ms: int) -> None:
    """
    A day ahead, two runs of a minute ago would be of yesterday: the partner counts them all the
    same. After a real day they count no more, if the time of day is not behind what it was then.
    """
    clocks = Clocks()
    money = Budget(replace(RULES, runs_per_day=2, runs_per_audience_and_day=2), clocks.steady)
    for n in range(2):
        money.charge("a", n, clocks.now_ms, clocks.now_ms)

    clocks.now_ms += ahead_ms
    clocks.pass_by(passed_ms)
    money.forget(clocks.now_ms)

    assert money.used(clocks.now_ms) == 2
    assert at(clocks, money) > 0
    clocks.pass_by(DAY_MS - passed_ms + max(0, -ahead_ms) + 2)
    assert at(clocks, money) == 0


def test_a_run_that_is_written_down_again_is_no_younger_for_that() -> None:
    """
    Each step of a run writes it, with the time at which it was intended.
    """
    clocks = Clocks()
    money = Budget(replace(RULES, runs_per_day=1), clocks.steady)
    began_ms = clocks.now_ms
    money.charge("a", 1, began_ms, began_ms)

    clocks.pass_by(DAY_MS // 2)
    money.charge("a", 1, began_ms, clocks.now_ms)
    clocks.pass_by(DAY_MS // 2 + 2)

    assert money.used(clocks.now_ms) == 0


def test_a_payment_of_a_former_owner_is_as_old_as_it_says() -> None:
    """
    Or a restart would keep the runs of the last day for another one.
    """
    clocks = Clocks()
    money = Budget(replace(RULES, runs_per_day=1), clocks.steady)

    money.charge("a", 1, clocks.now_ms - DAY_MS + 10, clocks.now_ms)

    assert money.used(clocks.now_ms) == 1
    clocks.pass_by(12)
    assert money.used(clocks.now_ms) == 0
