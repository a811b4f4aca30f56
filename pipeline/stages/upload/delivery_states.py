"""The states of a delivery and the steps between them. Pure.

                  a part is next             the lane may send            paid
(a batch) ─────────────┬──────────> waiting ───────────────> paying ──────────────> sending
                       │             ^   ^                      │                      │
                       │             │   └── may not any more ──┘                      │
                       │             └──── throttled ──────────────────────────────────┤
                       │             │                                                 │
                       │             └── pause is over ── repeating <── failed ────────┤
                       │                                      ^                        │
                       │         a record that failed alone ──┘                        │
                       │         is next                                               │
                       └───────<── accepted, refused, or failed five times ────────────┤
                             │                                                         │
                             ├── no part is left ────────> done                        │
                             └── hopeless ───────────────> blocked <── a person must ──┘
                                                                       repair something
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

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
from pipeline.stages.upload.poison_record import PATIENCE

FOREIGN_PATIENCE = 5
"""The lane is blocked after so many answers to one body that are not the partner's."""

State = Literal[
    "waiting",  # until the lane is owned and may send
    "paying",  # until the attempt is paid from the cap, and it is the client's turn
    "sending",  # a request is on its way, or its answer is not durable yet
    "repeating",  # an attempt failed; pauses before the next one
    "done",  # every record is settled
    "blocked",  # a person must repair something first
]
Effect = Literal[
    "use",  # take the tokens away: the partner counted the records, or may have
    "doubt",  # the partner may still work on the request
    "settle",  # write the job, or the outcome if the partner applied the records at once
    "refuse",  # tell the bisector that the part was refused
    "shrink",  # remember that the partner takes no body of this size
    "set_back",  # tell the bisector that the part failed too often
    "hush",  # keep the lane silent for as long as the partner said
    "note",  # show the failure to operators and count it
    "next",  # take the next part
    "give_up",  # write the dead letters of poison records
    "block",  # block the lane
]


@dataclass(frozen=True, slots=True)
class PartTaken:
    """A part is next; `failed_before`: it is one record that failed alone before."""

    failed_before: bool


@dataclass(frozen=True, slots=True)
class NothingLeft:
    """No part is left to be sent."""

    is_hopeless: bool


@dataclass(frozen=True, slots=True)
class MaySend:
    """The lane is owned and not silent."""


@dataclass(frozen=True, slots=True)
class Paid:
    """The attempt is paid, and it is the client's turn; `may_send`: the lane may still send."""

    may_send: bool


@dataclass(frozen=True, slots=True)
class PauseOver:
    """It is time for another attempt."""


OwnEvent: TypeAlias = PartTaken | NothingLeft | MaySend | Paid | PauseOver
Event: TypeAlias = OwnEvent | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How the attempts of the current part went so far."""

    failures: int = 0
    """Attempts that were not sent or are in doubt."""
    foreign: int = 0
    """Answers that were not the partner's."""
    failed_before: bool = False
    is_probe: bool = False
    trusts_untracked: bool = True
    """Whether an answer without a job is an acceptance, because other requests get jobs."""

    @property
    def is_last_failure(self) -> bool:
        """Whether one more failure reaches the limit."""
        return self.failed_before or self.failures + 1 >= PATIENCE

    @property
    def is_last_foreign(self) -> bool:
        """Whether one more answer that is not the partner's reaches the limit."""
        return self.is_probe or self.foreign + 1 >= FOREIGN_PATIENCE


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what must happen on the way to it, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


def decide(state: State, event: Event, trials: Trials) -> Step:
    """Return the step that an event causes in a state.

    Raises:
        ValueError: the event does not belong to the state.
    """
    match state, event:
        case "waiting", PartTaken(failed_before):
            return Step("repeating" if failed_before else "waiting")
        case "waiting", NothingLeft(is_hopeless):
            return Step("blocked", ("block",)) if is_hopeless else Step("done", ("give_up",))
        case "waiting", MaySend():
            return Step("paying")
        case "paying", Paid(may_send):
            return Step("sending" if may_send else "waiting")
        case "repeating", PauseOver():
            return Step("waiting")
        case _:
            pass
    if state != "sending" or isinstance(event, OwnEvent):
        raise ValueError(f"{event} while {state}")
    return _after(event, trials)


def _after(answer: Answer, trials: Trials) -> Step:
    match answer:
        case Accepted() | Applied() | NotThePartner():
            return _after_2xx(answer, trials)
        case Refused():
            return Step("waiting", ("refuse", "next"))
        case TooLarge():
            return Step("waiting", ("refuse", "shrink", "next"))
        case Throttled():
            return Step("waiting", ("hush",))
        case Blocked("internal"):
            # The error may have come before or after the request was sent.
            return Step("blocked", ("use", "doubt", "block"))
        case Blocked():
            return Step("blocked", ("block",))
        case NotSent() | InDoubt():
            return _after_failure(answer, trials)


def _after_2xx(answer: Accepted | Applied | NotThePartner, trials: Trials) -> Step:
    """Count the records as paid: even a strange answer may be the partner's."""
    is_untracked = isinstance(answer, Accepted) and answer.job_id is None
    is_foreign = isinstance(answer, NotThePartner)
    if not is_foreign and (trials.trusts_untracked or not is_untracked):
        return Step("waiting", ("use", "settle", "next"))
    if trials.is_last_foreign:
        return Step("blocked", ("use", "doubt", "note", "block"))
    return Step("repeating", ("use", "doubt", "note"))


def _after_failure(answer: NotSent | InDoubt, trials: Trials) -> Step:
    effects: tuple[Effect, ...] = ()
    if isinstance(answer, InDoubt):
        effects = ("use", "doubt") if answer.wait is None else ("use", "doubt", "hush")
    if trials.is_last_failure:
        return Step("waiting", (*effects, "note", "set_back", "next"))
    return Step("repeating", (*effects, "note"))
