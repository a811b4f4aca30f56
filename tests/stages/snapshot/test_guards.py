"""Which snapshots are held, for how long, and for whom."""

import pytest

from pipeline.stages.snapshot.guards import held, released_at
from pipeline.stages.snapshot.run_records import Hold, HoldCause

DAY = 86_400_000
CASES: list[tuple[int, int | None, int, HoldCause | None, bool]] = [
    # rows, last rows, removes, the cause, explained
    (10, None, 0, None, False),
    (0, None, 0, "empty", False),
    (0, 0, 0, None, False),
    (0, 10, 0, "empty", False),
    (0, 10, 9, "empty", False),
    (0, 10, 10, "empty", True),
    (5, 10, 0, None, False),
    (4, 10, 5, "halved", False),
    (4, 10, 6, "halved", True),
    (1, 1, 0, None, False),
    (100, 10, 0, None, False),
]


@pytest.mark.parametrize(("rows", "last", "removes", "cause", "explained"), CASES)
def test_a_snapshot_that_lost_half_of_its_rows_or_all_is_held(
    rows: int, last: int | None, removes: int, cause: HoldCause | None, explained: bool
) -> None:
    """It may be right, and it may be a fault of ours that empties an audience."""
    hold = held(rows, last_rows=last, removes=removes, before=None, now_ms=7)

    expected = None if cause is None else Hold(cause=cause, is_explained=explained, since_ms=7)
    assert expected == hold


def test_what_removes_explain_goes_after_a_day_and_the_rest_never_by_itself() -> None:
    """Only a person can tell an empty topic from an emptied audience."""
    explained = Hold(cause="halved", is_explained=True, since_ms=7)
    unexplained = Hold(cause="halved", is_explained=False, since_ms=7)

    assert released_at(explained) == 7 + DAY
    assert released_at(unexplained) is None


def test_a_newer_file_does_not_make_the_hold_begin_anew() -> None:
    """Else an audience that changes all the time would never be delivered."""
    before = Hold(cause="halved", is_explained=False, since_ms=7)

    hold = held(1, last_rows=10, removes=9, before=before, now_ms=99)

    assert hold == Hold(cause="halved", is_explained=True, since_ms=7)
