"""What the rest of the program may know of a partner's control plane: types, and nothing else.

CommandFailed      the partner did not do it, or did not answer
InvalidRequest     a guard of ours refused it; nothing was sent
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
    """The partner did not do it; the message says why and what to do, on one line."""


class InvalidRequest(ValueError):
    """What the partner would refuse, or do otherwise than meant; nothing was sent."""


class Api(Protocol):
    """One destination's API: authorised, patient with a partner that asks us to wait.

    The detail of what is no answer is for the operator: it says what to check.
    """

    @property
    def destination(self) -> str:
        """Its name in the configuration."""

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked: ...


@dataclass(frozen=True, slots=True)
class Declined:
    """The partner did not do it."""

    status: int
    said: str
    """Status and the partner's words, on one line."""
    remedy: str
    """What to do about it."""
    made_nothing: bool = False
    """It says that nothing was made, whatever its status is."""


Unanswered: TypeAlias = Declined | NotSent | InDoubt | Blocked
"""What a question can come to instead of what was asked for."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of the configuration that the partner has otherwise."""

    key: str
    standing: object
    desired: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """An audience to be made."""

    name: str
    external_id: str | None
    """The two by which a person finds it in the partner's console; some go by the name alone."""
    keys: Mapping[str, object]
    """Everything that is said of it, by the keys of the configuration."""
    request: object
    """The same as the partner's package has it, and as programs are shown it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do so that one audience is as the configuration says, or why nothing can be done."""

    what: StepKind
    audience_id: str | None = None
    creates: Creation | None = None
    differences: tuple[Difference, ...] = ()
    hides_members: bool = False
    """Members of the audience are seen no more, some at least, once it is done."""
    asked_at: str | None = None
    """When it was asked for, where nobody knows whether it was made."""
    operation: str | None = None
    """What the partner works on since it was asked for: to be asked after, not asked for again."""


@dataclass(frozen=True, slots=True)
class Made:
    """It is as the configuration says."""

    audience_id: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """The partner makes it, and takes its time; `operation` asks after it from now on."""

    operation: str
    detail: str


class ControlPlane(Protocol[Target_contra]):
    """The audiences and jobs of one destination."""

    async def plan(
        self, api: Api, target: Target_contra, audience_id: str | None, name: str
    ) -> Sequence[Step] | Unanswered:
        """One step at least; nothing is changed. `name` is upstream's, for what names nothing else.

        Raises:
            InvalidRequest: the partner would refuse what the configuration says.
        """

    async def apply(self, api: Api, step: Step) -> Made | InProgress | Unanswered:
        """Do a step: one of create and update.

        A creation that takes its time is in progress as soon as it was asked for, so that its
        operation can be written down; with that in the step, this waits for its end.
        """

    async def job(self, api: Api, job_id: str) -> JobReport | Unanswered:
        """What the partner says of a job now."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a report; `is_bad` means that a run would not work."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a person is told of a command's parameter; stands in its Annotated."""

    help: str = ""
    flag: str | None = None
    """Its name on the command line, where that is not the parameter's."""
    is_argument: bool = False
    least: int | None = None
    most: int | None = None
    is_asked_for: bool = False
    """Left out, it is asked for without an echo, so that it need not stand in a history."""


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A list as far as the partner gives it out."""

    items: tuple[Item, ...]
    caveat: str | None = None
    """Why it may not be whole."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for people."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    nothing: str
    """What is said where there is no row."""


Block: TypeAlias = str | Mapping[str, object] | Table
"""A text, facts by name, or a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a person must confirm before a command does its work."""

    shown: Sequence[Block] = ()
    warning: str = ""
    purpose: str
    """How `Type "<sentence>" …` goes on."""
    sentence: str
    refusal: str
    """What is said if something else was typed."""
    chosen: Mapping[str, object] = field(default_factory=dict)
    """Parameters that the answer settles."""


@dataclass(frozen=True, slots=True)
class Group:
    """The first word of some commands."""

    name: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a partner: a typed function, and how people see what it returns.

    `run` takes an Api (unless `is_offline`) and then its parameters by name; its docstring is the
    help. It returns a frozen dataclass, or a Listing of them; programs are shown that.
    """

    group: Group | None
    """None: the command is a word of its own."""
    name: str
    run: Callable[..., Awaitable[object]]
    shown: Callable[[Any], Sequence[Block]] | None = None
    """None: every field is shown."""
    confirm: Callable[..., Awaitable[Question | None]] | None = None
    """Takes what `run` takes; None where there is nothing to confirm."""
    is_offline: bool = False
    """It needs neither a configuration nor the partner."""
    repeats_last_file: bool = False
    """It has the partner ingest the last good file of `audience_id` once more: refused where a
    member was removed since."""
    tells_ttl_days: bool = False
    """It tells the partner `ttl_days` of `audience_id`, where they are said: this is noted."""
    takes_settings: bool = False
    """`run` and `confirm` take the destination's settings behind the Api."""
