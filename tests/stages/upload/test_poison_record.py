from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.poison_record import FailingRecord
from pipeline.stages.upload.tally import Tally

RECORD = QueuedRecord(b"7|m", b"{}", 0, "7", "add", 0, b"", 0.0)


def failures_until_given_up(tally: Tally, others: list[bool], most: int = 10_000) -> int | None:
    """
    How often a record fails until it is given up, where these others are sent for the first time
    between two of its failures, again and again: True for those that pass.
    """
    failing = FailingRecord(RECORD, tally)
    for failures in range(1, most):
        failing.has_failed()
        if failing.is_poison:
            return failures
        for passes in others:
            if passes:
                tally.was_accepted("7", is_first=True)
            else:
                tally.has_failed(is_first=True)
    return None


def test_a_record_that_fails_while_all_others_pass_is_given_up_after_a_few_failures() -> None:
    given_up = failures_until_given_up(Tally(), [True])

    assert given_up is not None
    assert 8 <= given_up <= 12


@given(before=st.integers(0, 1000))
def test_nothing_is_given_up_while_nothing_else_passes(before: int) -> None:
    """However well the lane went before."""
    tally = Tally(accepted=before, first_accepted=before)

    assert failures_until_given_up(tally, [False], most=500) is None


def test_failures_between_which_nothing_passed_are_no_evidence() -> None:
    """An outage after a good time: it fails a thousand times, and then others pass again."""
    tally = Tally()
    failing = FailingRecord(RECORD, tally)
    for _ in range(5):
        tally.was_accepted("7", is_first=True)
        failing.has_failed()
    for _ in range(1000):
        failing.has_failed()

    assert not failing.is_poison
    assert failing.failures_alone == 1001


@pytest.mark.parametrize("others", [[True, False], [True, False, False, False]])
def test_the_more_often_others_fail_the_more_failures_it_takes(others: list[bool]) -> None:
    """Half of all, three quarters of all: it takes so many that chance is no explanation."""
    given_up = failures_until_given_up(Tally(), others)

    assert given_up is not None
    share = others.count(False) / len(others)
    assert share**given_up < 1e-8


@pytest.mark.parametrize("failing_share", [0.3, 0.6, 0.9])
def test_a_partner_that_fails_by_chance_gets_no_record_given_up(failing_share: float) -> None:
    """A thousand records, each sent until it passes, among others that fare no better."""
    chance, tally = Random(1), Tally()
    for _ in range(1000):
        failing = FailingRecord(RECORD, tally)
        while chance.random() < failing_share:
            failing.has_failed()
            assert not failing.is_poison
            for _ in range(4):
                if chance.random() < failing_share:
                    tally.has_failed(is_first=True)
                else:
                    tally.was_accepted("7", is_first=True)


def test_others_that_fail_alone_again_and_again_are_no_evidence_for_the_partner() -> None:
    """Only what is sent for the first time tells how often the partner fails."""
    tally = Tally()
    failing = FailingRecord(RECORD, tally)
    failures = 0
    while not failing.is_poison:
        failing.has_failed()
        failures += 1
        for _ in range(50):
            tally.has_failed(is_first=False)
        tally.was_accepted("7", is_first=True)

    assert failures <= 12
