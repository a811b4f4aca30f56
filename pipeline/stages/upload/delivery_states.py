"""The states of a delivery and what leads from one to the next. Pure: a table in words.

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
                                                                       mend something
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
"""Answers that are not the partner's, to one body, after which the lane is blocked."""

State = Literal[
    "waiting",  # until the lane is owned and may send
    "paying",  # until the attempt is paid from the cap, and it is the client's turn
    "sending",  # a request is on its way, or its answer is not written down yet
    "repeating",  # an attempt failed; pauses before the next one
    "done",  # every record has its end
    "blocked",  # a person must mend something first
]
Effect = Literal[
    "use",  # its tokens are gone: the partner counted the records, or may have
    "doubt",  # it may still be at work on the other side
    "settle",  # write the job down, or what the partner made of the records at once
    "refuse",  # the bisector learns that the part was refused
    "shrink",  # the lane remembers that the partner takes no such body
    "set_back",  # the bisector learns that the part failed too often
    "hush",  # the lane is silent for as long as the partner said
    "note",  # the failure is shown to operators and counted
    "next",  # take the next part
    "give_up",  # write the dead letters of poison records down
    "block",  # the lane
]


@dataclass(frozen=True, slots=True)
class PartTaken:
    """A part is next; `failed_before`: a record that stands alone and failed again and again."""

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
    """The attempt is paid for, and it is the client's turn; `may_send`: the lane still may."""

    may_send: bool


@dataclass(frozen=True, slots=True)
class PauseOver:
    """It is time for another attempt."""


OwnEvent: TypeAlias = PartTaken | NothingLeft | MaySend | Paid | PauseOver
Event: TypeAlias = OwnEvent | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How the part at hand went so far."""

    failures: int = 0
    """Attempts that were not sent or are in doubt, one after the other."""
    foreign: int = 0
    """Answers that were not the partner's."""
    failed_before: bool = False
    is_probe: bool = False
    trusts_untracked: bool = True
    """Others of the lane get their jobs, so an acceptance without one is one."""

    @property
    def is_last_failure(self) -> bool:
        """Whether one failure more is one too many."""
        return self.failed_before or self.failures + 1 >= PATIENCE

    @property
    def is_last_foreign(self) -> bool:
        """Whether one more answer that is not the partner's is one too many."""
        return self.is_probe or self.foreign + 1 >= FOREIGN_PATIENCE


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what must happen on the way to it, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


def decide(state: State, event: Event, trials: Trials) -> Step:
    """What follows from an event in a state.

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
            # Nobody knows whether it was raised before or after the request.
            return Step("blocked", ("use", "doubt", "block"))
        case Blocked():
            return Step("blocked", ("block",))
        case NotSent() | InDoubt():
            return _after_failure(answer, trials)


def _after_2xx(answer: Accepted | Applied | NotThePartner, trials: Trials) -> Step:
    """Whatever took the records may have been the partner, so they are paid for."""
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
