"""When a snapshot is due, and which of several goes first."""

from dataclasses import replace

import pytest

from pipeline.destinations.snapshots import Window
from pipeline.stages.snapshot.run_records import (
    AudienceState,
    Hold,
    Ingested,
    SnapshotFile,
)
from pipeline.stages.snapshot.schedule import Changes, Due, due
from tests.fakes.snapshot_rules import RULES

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 100 * DAY
LIFETIME = 30 * 86_400.0
NOTHING = Changes()
INGESTED = Ingested(n=5, rows=10, ends={0: 7}, at_ms=NOW - DAY)
ENDED = AudienceState(state="ended", n=5, started_ms=NOW - DAY, ingested=INGESTED)
FILE = SnapshotFile(
    n=5,
    path="f/5.csv",
    size=1,
    sha256="",
    etag=None,
    modified_s=1.0,
    members=1,
    rows=1,
    ends={},
    made_ms=0,
)
HELD = replace(
    ENDED,
    state="uploaded",
    file=FILE,
    at_ms=NOW - HOUR,
    hold=Hold(cause="halved", is_explained=True, since_ms=NOW - HOUR),
)


def asked(
    state: AudienceState,
    changes: Changes = NOTHING,
    *,
    is_asked_for: bool = False,
    may_begin: bool = True,
) -> Due | None:
    return due(
        state,
        changes,
        rules=RULES,
        lifetime=LIFETIME,
        is_asked_for=is_asked_for,
        may_begin=may_begin,
        now_ms=NOW,
    )


def add(arrived_ms: int, newest_ms: int | None = None) -> Changes:
    return Changes(
        adds=1,
        oldest_arrived_ms=arrived_ms,
        newest_arrived_ms=newest_ms or arrived_ms,
        oldest_add_arrived_ms=arrived_ms,
        oldest_add_ms=arrived_ms,
    )


def at(found: Due | None) -> int | None:
    return None if found is None else found.at_ms


class TestWhen:
    def test_an_audience_without_changes_is_left_alone(self) -> None:
        """Each run costs: the partner allows so many a day."""
        assert at(asked(ENDED)) == INGESTED.at_ms + 21 * DAY

    def test_a_change_waits_until_nothing_has_come_for_a_while(self) -> None:
        """Changes come in bursts, and one snapshot carries them all."""
        assert at(asked(ENDED, add(NOW - MINUTE, NOW - 10_000))) == NOW + 50_000

    def test_a_change_does_not_wait_for_ever_for_that(self) -> None:
        """A stream that never rests is delivered all the same."""
        assert at(asked(ENDED, add(NOW - 6 * HOUR, NOW))) == NOW

    def test_nothing_is_due_before_the_interval_is_over(self) -> None:
        """It counts from the start of the last run, however that ended."""
        state = replace(ENDED, started_ms=NOW - HOUR)

        assert at(asked(state, add(NOW - HOUR))) == NOW + 2 * HOUR
        assert at(asked(replace(state, is_due_again=True))) == NOW + 2 * HOUR

    def test_after_a_failed_run_another_is_due_without_a_change(self) -> None:
        """The partner has not what the file said."""
        assert at(asked(replace(ENDED, is_due_again=True))) == NOW - DAY + 3 * HOUR

    def test_a_first_snapshot_waits_until_ingest_has_caught_up(self) -> None:
        """Else it would be a beginning of one, and the partner would let members leave."""
        assert asked(AudienceState(), add(NOW - HOUR), may_begin=False) is None
        assert at(asked(AudienceState(), add(NOW - HOUR))) == NOW - HOUR + MINUTE

    def test_an_audience_of_which_nothing_was_stated_has_no_first_snapshot(self) -> None:
        """There is nobody to send."""
        assert asked(AudienceState()) is None

    def test_an_operator_need_not_wait(self) -> None:
        """Neither for changes nor for the interval."""
        state = replace(ENDED, started_ms=NOW - 1)

        assert at(asked(state, is_asked_for=True)) == NOW

    def test_a_claim_without_a_file_is_due_at_once(self) -> None:
        """Its owner died or the storage failed: somebody asked for it."""
        assert at(asked(replace(ENDED, state="reading", started_ms=NOW))) == NOW

    @pytest.mark.parametrize("state", ["intended", "running"])
    def test_while_a_run_may_go_on_nothing_is_due(self, state: str) -> None:
        """One run at a time: the end of this one decides."""
        busy = replace(ENDED, state=state, window=Window(start_s=1, end_s=2))  # type: ignore[arg-type]

        assert asked(busy, add(NOW - DAY), is_asked_for=True) is None

    def test_a_file_that_waits_for_its_run_is_enough(self) -> None:
        """A newer one follows after it."""
        assert asked(replace(ENDED, state="uploaded", file=FILE), add(NOW - DAY)) is None

    def test_a_held_file_gives_way_to_a_newer_one_where_something_has_changed(self) -> None:
        """The members may have come back."""
        assert asked(HELD) is None
        assert at(asked(HELD, add(NOW - 30 * MINUTE))) == NOW + 2 * HOUR


class TestOrder:
    def test_the_earliest_deadline_says_who_is_first(self) -> None:
        """Each kind of change has its own."""
        removed = Changes(
            removes=1,
            oldest_arrived_ms=NOW,
            newest_arrived_ms=NOW,
            oldest_remove_ms=NOW - HOUR,
        )
        withdrawn = replace(removed, oldest_withdrawal_ms=NOW - 2 * HOUR)
        expiring = replace(ENDED, ingested=replace(INGESTED, at_ms=NOW - 22 * DAY))

        deadlines = [
            found.deadline_ms
            for found in (
                asked(ENDED, add(NOW)),
                asked(ENDED, removed),
                asked(ENDED, withdrawn),
                asked(expiring),
                asked(ENDED, is_asked_for=True),
            )
            if found is not None
        ]

        assert deadlines == [
            NOW + 2 * DAY,
            NOW + 23 * HOUR,
            NOW + 22 * HOUR,
            NOW + DAY // 2,
            NOW,
        ]

    def test_a_backfill_of_old_adds_does_not_push_itself_before_all(self) -> None:
        """An add counts from when it arrived, not from when upstream stated it years ago."""
        old = replace(add(NOW), oldest_add_ms=1)

        found = asked(ENDED, old)

        assert found is not None
        assert found.deadline_ms == NOW + 2 * DAY

    def test_withdrawals_and_operators_may_use_what_is_kept_for_them(self) -> None:
        """Everybody else stops before."""
        withdrawn = replace(add(NOW), oldest_withdrawal_ms=NOW)
        urgent = [
            asked(ENDED, withdrawn),
            asked(ENDED, is_asked_for=True),
            asked(ENDED, add(NOW)),
        ]

        assert [one.is_urgent for one in urgent if one is not None] == [True, True, False]


def test_times_from_a_clock_that_was_ahead_keep_nothing_waiting() -> None:
    """Nothing that is written down has come to pass later than now: so nobody knows when it did.

    The audience would wait for a year, and its members would leave meanwhile.
    """
    ahead = NOW + 365 * DAY
    changed = Changes(
        removes=1,
        oldest_arrived_ms=NOW - HOUR,
        newest_arrived_ms=NOW - HOUR,
        oldest_remove_ms=NOW - HOUR,
    )

    started = asked(replace(ENDED, started_ms=ahead), changed)
    renewed = asked(replace(ENDED, started_ms=None, ingested=replace(INGESTED, at_ms=ahead)))

    assert started is not None
    assert started.at_ms <= NOW
    assert renewed is not None
    assert renewed.at_ms <= NOW
