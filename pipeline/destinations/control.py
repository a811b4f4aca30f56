"""The contract of a partner's control plane: only types.

CommandFailed      the partner refused a request, or did not answer
InvalidRequest     we refused a request; nothing was sent
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from pipeline.destinations.exchange import Request, Response
from pipeline.domain.job import JobReport
from pipeline.domain.send_result import Blocked, InDoubt, NotSent

Item = TypeVar("Item")
Target_contra = TypeVar("Target_contra", contravariant=True)

StepKind = Literal["create", "update", "keep", "fixed", "gone", "in_doubt"]


class CommandFailed(Exception):
    """The partner refused a request or did not answer; the message has reason and remedy."""


class InvalidRequest(ValueError):
    """A request that the partner would refuse or misunderstand; nothing was sent."""


class Api(Protocol):
    """The API of one destination: it adds tokens, and waits if the partner asks for that.

    If there is no answer, the `detail` tells the operator what to check.
    """

    @property
    def destination(self) -> str:
        """The destination's name in the configuration."""

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked: ...


@dataclass(frozen=True, slots=True)
class Declined:
    """The partner refused the request."""

    status: int
    said: str
    """Status and the partner's words, on one line."""
    remedy: str
    """What to do about it."""
    made_nothing: bool = False
    """Whether the partner says that it made nothing, whatever the status is."""


Unanswered: TypeAlias = Declined | NotSent | InDoubt | Blocked
"""Every result of a request other than a usable answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of the configuration that has another value at the partner."""

    key: str
    standing: object
    desired: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """An audience to create."""

    name: str
    external_id: str | None
    """Name and external id, by which a person finds the audience in the partner's console; the
    second may be None."""
    keys: Mapping[str, object]
    """Every value that the request has, by the keys of the configuration."""
    request: object
    """The same values for the partner's package and for JSON output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action that brings an audience to the configuration, or why there is none."""

    what: StepKind
    audience_id: str | None = None
    creates: Creation | None = None
    differences: tuple[Difference, ...] = ()
    hides_members: bool = False
    """Whether the step hides some or all members of the audience."""
    asked_at: str | None = None
    """When the audience was requested, if it is not known whether it was created."""
    operation: str | None = None
    """The partner's id of a creation in progress: ask for its state, do not create again."""


@dataclass(frozen=True, slots=True)
class Made:
    """The audience is as configured."""

    audience_id: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """The partner still creates the audience; ask for the state of `operation`."""

    operation: str
    detail: str


class ControlPlane(Protocol[Target_contra]):
    """The audiences and jobs of one destination."""

    async def plan(
        self, api: Api, target: Target_contra, audience_id: str | None, name: str
    ) -> Sequence[Step] | Unanswered:
        """One step or more; changes nothing. `name` is the upstream name, the default for names.

        Raises:
            InvalidRequest: the partner would refuse a value of the configuration.
        """

    async def apply(self, api: Api, step: Step) -> Made | InProgress | Unanswered:
        """Execute a step: create or update.

        A slow creation returns `InProgress` at once, so that the caller can record its operation.
        If the step has an operation, this waits for the end of it.
        """

    async def job(self, api: Api, job_id: str) -> JobReport | Unanswered:
        """Ask the partner once for the state of a job."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report; `is_bad` means that a run would not work."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Help and bounds of a command's parameter; part of its `Annotated` type."""

    help: str = ""
    flag: str | None = None
    """The name on the command line, if it differs from the parameter's."""
    is_argument: bool = False
    least: int | None = None
    most: int | None = None
    is_asked_for: bool = False
    """If left out, the user is asked for it without an echo, so that no shell history has it."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """The items of a list that the partner shows."""

    items: tuple[Item, ...]
    caveat: str | None = None
    """Why the list may be incomplete, or None."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    nothing: str
    """The text to print if there are no rows."""


Block: TypeAlias = str | Mapping[str, object] | Table
"""A text, facts by name, or a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person must confirm before a command runs."""

    shown: Sequence[Block] = ()
    warning: str = ""
    purpose: str
    """The end of the prompt `Type "<sentence>" …`."""
    sentence: str
    refusal: str
    """The message if the typed sentence does not match."""
    chosen: Mapping[str, object] = field(default_factory=dict)
    """Parameters that the confirmation adds to the command."""


@dataclass(frozen=True, slots=True)
class Group:
    """The first word of some commands."""

    name: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a partner: a typed function, and how to show its result to people.

    `run` takes an Api (unless `is_offline`) and then its parameters by name; its docstring is the
    help. It returns a frozen dataclass, or a Listing of them; JSON output shows that.
    """

    group: Group | None
    """None: the command belongs to no group."""
    name: str
    run: Callable[..., Awaitable[object]]
    shown: Callable[[Any], Sequence[Block]] | None = None
    """Turns the result into blocks for people; None: show every field."""
    confirm: Callable[..., Awaitable[Question | None]] | None = None
    """Takes the same arguments as `run`; None, or a result of None: nothing to confirm."""
    is_offline: bool = False
    """Whether the command needs neither a configuration nor the partner."""
    repeats_last_file: bool = False
    """Whether the partner ingests the last good file of `audience_id` again. It is refused if a
    member was removed since."""
    tells_ttl_days: bool = False
    """Whether the command sets `ttl_days` of `audience_id`; the value is recorded in the lock."""
    takes_settings: bool = False
    """Whether `run` and `confirm` take the destination's settings after the Api."""
