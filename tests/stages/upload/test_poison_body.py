import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.upload.poison_body import PATIENCE, PATIENCE_ALONE, Tally, is_poison_body

BEFORE = Tally(accepted=40, partner_errors=3)


def later(*, passed: int, failed: int) -> Tally:
    """The lane's tally after so many requests of its, those of the body included."""
    return Tally(BEFORE.accepted + passed, BEFORE.partner_errors + failed)


@pytest.mark.parametrize(("records", "patience"), [(1, PATIENCE_ALONE), (2, PATIENCE), (6000, 5)])
def test_a_body_that_fails_again_and_again_while_all_others_pass_is_to_blame(
    records: int, patience: int
) -> None:
    for partner_errors in range(1, patience + 1):
        blamed = is_poison_body(
            records, partner_errors, BEFORE, later(passed=50, failed=partner_errors)
        )
        assert blamed is (partner_errors == patience)


@given(partner_errors=st.integers(1, 1000))
def test_a_body_is_not_to_blame_while_nothing_else_passes(partner_errors: int) -> None:
    assert not is_poison_body(100, partner_errors, BEFORE, later(passed=0, failed=partner_errors))


@given(partner_errors=st.integers(1, 100), passed=st.integers(0, 100))
def test_a_body_is_not_to_blame_while_every_other_request_fails(
    partner_errors: int, passed: int
) -> None:
    now = later(passed=passed, failed=partner_errors + max(1, passed))

    assert not is_poison_body(100, partner_errors, BEFORE, now)


def test_a_tenth_of_failures_elsewhere_is_no_excuse() -> None:
    assert is_poison_body(100, 5, BEFORE, later(passed=10, failed=5 + 1))
    assert not is_poison_body(100, 5, BEFORE, later(passed=10, failed=5 + 2))
