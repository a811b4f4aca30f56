"""The table of a snapshot's states: each event in each state, and what must happen."""

import itertools
from typing import get_args

import pytest

from pipeline.destinations.snapshots import BudgetSpent, RunStarted
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled
from pipeline.stages.snapshot.states import (
    ABSENT_LISTS,
    ABSENT_SECONDS,
    Absent,
    Claim,
    Event,
    FileGone,
    LateRun,
    Listed,
    MayStart,
    Refused,
    RunEnded,
    State,
    Step,
    Stored,
    TakenOver,
    decide,
)

ENOUGH = Absent(ABSENT_LISTS, ABSENT_SECONDS)
TABLE: list[tuple[State, Event, Step]] = [
    *((one, Claim(), Step("reading", ("claim",))) for one in ("idle", "reading", "uploaded")),
    ("burnt", Claim(), Step("reading", ("claim",))),
    ("ended", Claim(), Step("reading", ("claim",))),
    ("reading", Stored(), Step("uploaded")),
    ("uploaded", FileGone(), Step("reading", ("claim",))),
    ("uploaded", MayStart(), Step("intended", ("charge", "post"))),
    # What the partner says of the run
    ("intended", RunStarted("run"), Step("running", ("poll",))),
    ("intended", Listed(), Step("running", ("poll",))),
    ("intended", InDoubt("silent"), Step("intended", ("look",))),
    ("intended", Blocked("internal", "an error"), Step("intended", ("look",))),
    # Surely nothing was started
    ("intended", NotSent("refused"), Step("uploaded", ("refund", "wait"))),
    ("intended", Throttled(None), Step("uploaded", ("refund", "wait"))),
    ("intended", Refused(is_busy=True), Step("uploaded", ("refund", "wait"))),
    ("intended", BudgetSpent("100 a day"), Step("uploaded", ("refund", "pause"))),
    ("intended", Refused(is_busy=False), Step("uploaded", ("refund", "block"))),
    ("intended", Blocked("unauthorised", "no token"), Step("uploaded", ("refund", "block"))),
    # Nobody knows
    ("intended", Absent(1, 0.0), Step("intended", ("look",))),
    ("intended", Absent(ABSENT_LISTS - 1, 1000.0), Step("intended", ("look",))),
    ("intended", Absent(99, ABSENT_SECONDS - 0.1), Step("intended", ("look",))),
    ("intended", ENOUGH, Step("burnt", ("delete_file", "due_again"))),
    ("uploaded", LateRun(), Step("running", ("poll",))),
    ("burnt", LateRun(), Step("running", ("poll",))),
    ("ended", LateRun(), Step("running", ("poll",))),
    # The end
    ("running", RunEnded("applied", is_last=True), Step("ended", ("clear_changed",))),
    ("running", RunEnded("applied", is_last=False), Step("ended", ("due_again",))),
    ("running", RunEnded("partly_applied", is_last=True), Step("ended", ("due_again",))),
    ("running", RunEnded("failed", is_last=True), Step("ended", ("due_again",))),
    ("running", RunEnded("unknown", is_last=True), Step("ended", ("due_again",))),
    # Whoever takes over
    ("idle", TakenOver(), Step("idle")),
    ("reading", TakenOver(), Step("reading", ("claim",))),
    ("uploaded", TakenOver(), Step("uploaded")),
    ("intended", TakenOver(), Step("intended", ("look",))),
    ("burnt", TakenOver(), Step("burnt", ("delete_file",))),
    ("running", TakenOver(), Step("running", ("poll",))),
    ("ended", TakenOver(), Step("ended")),
]
EVENTS = list({event: None for _, event, _ in TABLE})


@pytest.mark.parametrize(("state", "event", "step"), TABLE, ids=str)
def test_an_event_leads_to_the_next_state_and_says_what_must_happen(
    state: State, event: Event, step: Step
) -> None:
    """This table is the whole of what an owner does with a snapshot."""
    assert step == decide(state, event)


def test_every_other_pair_of_state_and_event_is_refused() -> None:
    """A pair that nobody thought of must not lead anywhere."""
    known = {(state, event) for state, event, _ in TABLE}

    for state, event in itertools.product(get_args(State), EVENTS):
        if (state, event) not in known:
            with pytest.raises(ValueError, match="while"):
                decide(state, event)


def test_only_a_run_that_was_paid_for_is_posted() -> None:
    """The budget is charged durably before the partner is asked, or a crash would hide a run."""
    steps = [step for _, _, step in TABLE if "post" in step.effects]

    assert [Step("intended", ("charge", "post"))] == steps


def test_nothing_is_posted_and_nothing_refunded_after_a_takeover() -> None:
    """What the former owner asked for may have been heard."""
    effects = {
        effect for _, event, step in TABLE if event == TakenOver() for effect in step.effects
    }

    assert not effects & {"post", "charge", "refund"}


def test_the_budget_gets_back_only_what_was_surely_not_started() -> None:
    """A run that may have started counts, also where it is never seen."""
    refunded = {type(event) for _, event, step in TABLE if "refund" in step.effects}

    assert refunded == {NotSent, Throttled, Refused, BudgetSpent, Blocked}
