import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.upload.poison_body import PATIENCE, PATIENCE_ALONE, Tally, is_the_body

BEFORE = Tally(accepted=40, stumbled=3)


def later(*, passed: int, failed: int) -> Tally:
    """The lane's tally after so many requests of its, those of the body included."""
    return Tally(BEFORE.accepted + passed, BEFORE.stumbled + failed)


@pytest.mark.parametrize(("records", "patience"), [(1, PATIENCE_ALONE), (2, PATIENCE), (6000, 5)])
def test_a_body_that_fails_again_and_again_while_all_others_pass_is_to_blame(
    records: int, patience: int
) -> None:
    for stumbles in range(1, patience + 1):
        blamed = is_the_body(records, stumbles, BEFORE, later(passed=50, failed=stumbles))
        assert blamed is (stumbles == patience)


@given(stumbles=st.integers(1, 1000))
def test_a_body_is_not_to_blame_while_nothing_else_passes(stumbles: int) -> None:
    assert not is_the_body(100, stumbles, BEFORE, later(passed=0, failed=stumbles))


@given(stumbles=st.integers(1, 100), passed=st.integers(0, 100))
def test_a_body_is_not_to_blame_while_every_other_request_fails(stumbles: int, passed: int) -> None:
    now = later(passed=passed, failed=stumbles + max(1, passed))

    assert not is_the_body(100, stumbles, BEFORE, now)


def test_a_tenth_of_failures_elsewhere_is_no_excuse() -> None:
    assert is_the_body(100, 5, BEFORE, later(passed=10, failed=5 + 1))
    assert not is_the_body(100, 5, BEFORE, later(passed=10, failed=5 + 2))
