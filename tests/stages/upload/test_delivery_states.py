"""The table of a delivery: each event in each state, what comes next, and what must happen."""

import itertools
from typing import get_args

import pytest

from pipeline.domain.send_result import (
    Accepted,
    Answer,
    Applied,
    Blocked,
    InDoubt,
    NotSent,
    NotThePartner,
    Refused,
    Throttled,
    TooLarge,
)
from pipeline.stages.upload.delivery_states import (
    FOREIGN_PATIENCE,
    Event,
    MaySend,
    NothingLeft,
    Paid,
    PartTaken,
    PauseOver,
    State,
    Step,
    Trials,
    decide,
)
from pipeline.stages.upload.poison_record import PATIENCE

FRESH = Trials()
FAILED_FOUR_TIMES = Trials(failures=PATIENCE - 1)
FAILED_BEFORE = Trials(failed_before=True)
NO_JOBS = Trials(trusts_untracked=False)
FOREIGN_FOUR_TIMES = Trials(foreign=FOREIGN_PATIENCE - 1, trusts_untracked=False)
PROBE = Trials(is_probe=True, trusts_untracked=False)

TABLE: list[tuple[State, Event, Trials, Step]] = [
    ("waiting", PartTaken(failed_before=False), FRESH, Step("waiting")),
    ("waiting", PartTaken(failed_before=True), FRESH, Step("repeating")),
    ("waiting", NothingLeft(is_hopeless=False), FRESH, Step("done", ("give_up",))),
    ("waiting", NothingLeft(is_hopeless=True), FRESH, Step("blocked", ("block",))),
    ("waiting", MaySend(), FRESH, Step("paying")),
    ("paying", Paid(may_send=True), FRESH, Step("sending")),
    ("paying", Paid(may_send=False), FRESH, Step("waiting")),
    ("repeating", PauseOver(), FRESH, Step("waiting")),
    # Taken
    ("sending", Accepted("job"), FRESH, Step("waiting", ("use", "settle", "next"))),
    ("sending", Accepted("job"), NO_JOBS, Step("waiting", ("use", "settle", "next"))),
    ("sending", Accepted(None), FRESH, Step("waiting", ("use", "settle", "next"))),
    ("sending", Applied(), NO_JOBS, Step("waiting", ("use", "settle", "next"))),
    # A 2xx that may not be the partner's
    ("sending", Accepted(None), NO_JOBS, Step("repeating", ("use", "doubt", "note"))),
    ("sending", NotThePartner("a page"), FRESH, Step("repeating", ("use", "doubt", "note"))),
    (
        "sending",
        NotThePartner("a page"),
        FOREIGN_FOUR_TIMES,
        Step("blocked", ("use", "doubt", "note", "block")),
    ),
    (
        "sending",
        Accepted(None),
        FOREIGN_FOUR_TIMES,
        Step("blocked", ("use", "doubt", "note", "block")),
    ),
    (
        "sending",
        NotThePartner("a page"),
        PROBE,
        Step("blocked", ("use", "doubt", "note", "block")),
    ),
    # Refused: nothing was taken, and nothing is paid
    ("sending", Refused("no"), FRESH, Step("waiting", ("refuse", "next"))),
    ("sending", TooLarge(), FRESH, Step("waiting", ("refuse", "shrink", "next"))),
    ("sending", Throttled(3.0), FRESH, Step("waiting", ("hush",))),
    ("sending", Throttled(None), FAILED_FOUR_TIMES, Step("waiting", ("hush",))),
    ("sending", Blocked("wrong_address", "308"), FRESH, Step("blocked", ("block",))),
    ("sending", Blocked("forbidden", "403"), FRESH, Step("blocked", ("block",))),
    # Nobody knows whether a request was made
    (
        "sending",
        Blocked("internal", "KeyError"),
        FRESH,
        Step("blocked", ("use", "doubt", "block")),
    ),
    # Failed
    ("sending", NotSent("DNS"), FRESH, Step("repeating", ("note",))),
    ("sending", NotSent("DNS"), FAILED_FOUR_TIMES, Step("waiting", ("note", "set_back", "next"))),
    ("sending", InDoubt("503"), FRESH, Step("repeating", ("use", "doubt", "note"))),
    (
        "sending",
        InDoubt("503", wait=9.0),
        FRESH,
        Step("repeating", ("use", "doubt", "hush", "note")),
    ),
    (
        "sending",
        InDoubt("timeout"),
        FAILED_FOUR_TIMES,
        Step("waiting", ("use", "doubt", "note", "set_back", "next")),
    ),
    (
        "sending",
        InDoubt("503"),
        FAILED_BEFORE,
        Step("waiting", ("use", "doubt", "note", "set_back", "next")),
    ),
]
ANSWERS: list[Answer] = [
    Accepted("job"),
    Accepted(None),
    Refused("no"),
    TooLarge(),
    Blocked("forbidden", "403"),
    Applied(),
    Throttled(None),
    InDoubt("503"),
    NotThePartner("a page"),
    NotSent("DNS"),
]
EVENTS: list[Event] = [
    PartTaken(failed_before=False),
    NothingLeft(is_hopeless=False),
    MaySend(),
    Paid(may_send=True),
    PauseOver(),
    *ANSWERS,
]
BELONGS: dict[State, tuple[type, ...]] = {
    "waiting": (PartTaken, NothingLeft, MaySend),
    "paying": (Paid,),
    "repeating": (PauseOver,),
    "sending": tuple(map(type, ANSWERS)),
}


@pytest.mark.parametrize(("state", "event", "trials", "step"), TABLE)
def test_what_follows_from_each_event(
    state: State, event: Event, trials: Trials, step: Step
) -> None:
    assert decide(state, event, trials) == step


def test_the_table_covers_every_event_of_every_state() -> None:
    told = {(state, type(event)) for state, event, _, _ in TABLE}

    assert told == {(state, event) for state, events in BELONGS.items() for event in events}


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (state, event)
        for state, event in itertools.product(get_args(State), EVENTS)
        if not isinstance(event, BELONGS.get(state, ()))
    ],
)
def test_an_event_that_does_not_belong_to_a_state_is_an_error(state: State, event: Event) -> None:
    with pytest.raises(ValueError, match=f"while {state}"):
        decide(state, event, FRESH)


@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_may_have_been_taken_is_paid_and_whatever_was_not_is_not(answer: Answer) -> None:
    step = decide("sending", answer, NO_JOBS)

    may_be_taken = isinstance(answer, Accepted | Applied | InDoubt | NotThePartner)
    assert ("use" in step.effects) is may_be_taken
    assert ("doubt" in step.effects) is (
        may_be_taken and answer not in (Accepted("job"), Applied())
    )
