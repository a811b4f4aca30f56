"""The states of an audience's snapshot, and the events that lead from one to the next. Pure.

           claim             stored              may start            the partner started it
    idle ─────────> reading ────────> uploaded ───────────> intended ─────────────> running
                     ^    ^             │  ^                  │    │                   │
                     │    └─ file gone ─┘  └─ surely not ─────┘    │ nobody knows:     │ its end
                     │                        started: refund      │ look at the list  v
                     └────────────── claim ── burnt <── not listed ┘                 ended

An owner that finds `intended` in the topic never posts: the former owner may have done so. If the
partner lists a run of a burnt window late, we adopt it: we follow it to its end before a new post.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipeline.destinations.snapshots import BudgetSpent, RunStarted
from pipeline.domain.job import End
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled

ABSENT_LISTS = 3
ABSENT_SECONDS = 120.0
"""A window is burnt after so many lists without it, over at least so many seconds."""

State = Literal[
    "idle",  # nothing was ever written
    "reading",  # claimed: the membership is read and stored
    "uploaded",  # the file is there, and no run of it is on its way
    "intended",  # a run is paid for; it may have been asked for, or not
    "burnt",  # nobody knows whether a run was started, and none is listed: its window is lost
    "running",  # the partner named the run
    "ended",  # the partner told how the run ended, or we gave it up
]
Effect = Literal[
    "claim",  # a new number, and so a new file
    "charge",  # the budget pays, before anything else
    "post",  # ask the partner to start the run
    "refund",  # surely nothing was started
    "look",  # find the window in the partner's list
    "delete_file",  # no run may take it any more
    "poll",  # ask how the run goes
    "clear_changed",  # the partner has what the file says
    "due_again",  # the partner may not have it: another snapshot must follow
    "wait",  # and try again
    "pause",  # all audiences of the destination: the partner says that its own limit is reached
    "block",  # the audience: a person must mend something
]


@dataclass(frozen=True, slots=True)
class Claim:
    """A snapshot is to be made."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The whole file is in the storage."""


@dataclass(frozen=True, slots=True)
class FileGone:
    """The storage has no such file any more, or another one under its name."""


@dataclass(frozen=True, slots=True)
class MayStart:
    """No guard keeps the file back, the budget has room, and no other run is listed."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """An owner goes on from a written state, whose writer may have done more than it wrote.

    An owner goes on from its own states by the same rule.
    """


@dataclass(frozen=True, slots=True)
class Refused:
    """The partner refused the run; `is_busy`: another one is listed, or the list is not known."""

    is_busy: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """The partner lists a run of the window."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The partner has listed no run of the window for `lists` times."""

    lists: int
    seconds: float
    """From the first of these lists to the last."""


@dataclass(frozen=True, slots=True)
class LateRun:
    """The partner lists a run of a window that was burnt, or for which a run was refused."""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over; `is_last`: no other run of the audience can have ended after it."""

    end: End
    is_last: bool


Event: TypeAlias = (
    Claim
    | Stored
    | FileGone
    | MayStart
    | TakenOver
    | RunStarted
    | Refused
    | BudgetSpent
    | Throttled
    | Blocked
    | NotSent
    | InDoubt
    | Listed
    | Absent
    | LateRun
    | RunEnded
)


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, and what must happen with it, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


def decide(state: State, event: Event) -> Step:
    """Return what follows from an event in a state.

    Raises:
        ValueError: the event does not belong to the state.
    """
    if isinstance(event, TakenOver):
        return _after_takeover(state)
    if state == "intended":
        return _after_post(event)
    return _between_runs(state, event)


def _between_runs(state: State, event: Event) -> Step:
    match state, event:
        case "idle" | "reading" | "uploaded" | "burnt" | "ended", Claim():
            return Step("reading", ("claim",))
        case "reading", Stored():
            return Step("uploaded")
        case "uploaded", FileGone():
            return Step("reading", ("claim",))
        case "uploaded", MayStart():
            return Step("intended", ("charge", "post"))
        case "running", RunEnded(end, is_last):
            is_ingested = end == "applied" and is_last
            return Step("ended", ("clear_changed" if is_ingested else "due_again",))
        case "uploaded" | "burnt" | "ended", LateRun():
            return Step("running", ("poll",))
        case _:
            raise ValueError(f"{event} while {state}")


def _after_takeover(state: State) -> Step:
    match state:
        case "reading":
            return Step("reading", ("claim",))
        case "intended":
            return Step("intended", ("look",))
        case "burnt":
            return Step("burnt", ("delete_file",))
        case "running":
            return Step("running", ("poll",))
        case "idle" | "uploaded" | "ended":
            return Step(state)


def _after_post(event: Event) -> Step:
    """Return what follows when a run was asked for, or may have been."""
    match event:
        case RunStarted() | Listed():
            return Step("running", ("poll",))
        case InDoubt() | Blocked("internal"):
            # The error may have come before or after the request.
            return Step("intended", ("look",))
        case Absent(lists, seconds):
            if lists >= ABSENT_LISTS and seconds >= ABSENT_SECONDS:
                return Step("burnt", ("delete_file", "due_again"))
            return Step("intended", ("look",))
        case Throttled() | NotSent() | Refused(True):
            return Step("uploaded", ("refund", "wait"))
        case BudgetSpent():
            return Step("uploaded", ("refund", "pause"))
        case Blocked() | Refused(False):
            return Step("uploaded", ("refund", "block"))
        case _:
            raise ValueError(f"{event} while intended")
