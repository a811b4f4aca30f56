"""The contract between a partner's package and the rest; without Kafka, HTTP client or terminal.

A partner is one package and its entry in `registry.py`; no other module imports the package.
`tests/toys` has the smallest partners that work.

Settings are read in two steps. First, the key `kind` chooses the model of each destination. Then
each target is read with the model of its destination's partner, because targets differ by partner.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self, TypeAlias, TypeVar

from pipeline.destinations.changes import Changes
from pipeline.destinations.control import Api, Command, ControlPlane, Finding
from pipeline.destinations.login import Login
from pipeline.destinations.snapshots import SnapshotAudience, Snapshots
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.hashing import HashOnce
from pipeline.settings.problems import Problem
from pipeline.settings.values import DestinationName, Section


class DestinationSettings(Section):
    """One configured partner: the keys that all partners have."""

    kind: str
    takes: ClassVar[Literal["changes", "snapshots"]] = "changes"
    """Whether the partner takes each change, or snapshots: files of all members."""


class TargetSettings(Section):
    """One target of an upstream audience: the keys that all partners have."""

    id_key: ClassVar[str] = "audience_id"
    """The name of the key that holds the partner's id of the audience."""
    destination: DestinationName
    """A name under `destinations`."""

    def audience(self) -> str | None:
        """The partner's id of the audience; None until it is created."""
        raise NotImplementedError

    def with_audience(self, audience: str) -> Self:
        """This target with the given id."""
        raise NotImplementedError

    def lane(self) -> str:
        """The unit of the partner's quota, as named in topics and metrics."""
        raise NotImplementedError

    def lane_keys(self) -> Mapping[str, object]:
        """The keys that determine the lane, for messages and the lock file; may be empty."""
        raise NotImplementedError

    def unshown_ttl_days(self) -> int | None:
        """Days until members leave, if the partner takes this value but never shows it."""
        return None

    def unmakeable(self, upstream_name: str) -> Problem | None:
        """Why `audiences apply` cannot create the audience, or None.

        The path of the problem starts at the target.
        """
        raise NotImplementedError


Render: TypeAlias = Callable[[MembershipChange, HashOnce | None], Rendered | Withheld | Rejected]
"""Renders a change. The second argument hashes its identities once for all of its routes; None if
it has only one route."""


@dataclass(frozen=True, slots=True)
class StartingDestination:
    """A destination for the first configuration of a format."""

    name: str
    sections: str
    """YAML: the `destinations` of an audience (it continues `audiences`), then `destinations`."""


D = TypeVar("D", bound=DestinationSettings)
T = TypeVar("T", bound=TargetSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner(Generic[D, T]):
    """Everything of one partner, as functions of its settings."""

    kind: str
    settings: type[D]
    target: type[T]
    base_url: Callable[[D], str]
    login: Callable[[D], Login]
    renderer: Callable[[D, T], Render]
    """Called once for each route; its result is called for each change."""
    route: Callable[[D, T], bytes]
    """A value that every record of this target carries, for the partner's package."""
    member_id: Callable[[D, str], str]
    """The member's id that the partner gets."""
    delivery: Callable[[D, Sequence[T]], Changes | Snapshots]
    """How to deliver to the lane, or the destination, of these targets."""
    buffer_bytes: Callable[[D], int]
    """The least memory of one lane, bytes: two requests."""
    problems: Callable[[D, Sequence[T]], Iterable[Problem]]
    """Problems between the destination and its targets. Paths start at the destination."""
    advice: Callable[[D, Sequence[T]], Iterable[str]]
    """Warnings about valid settings that may not be meant; each begins with its key."""
    check_online: Callable[[Api, D, Sequence[T]], Awaitable[Sequence[Finding]]]
    """Checks that the partner is as a run needs it."""
    snapshot_audience: Callable[[D, T, str], SnapshotAudience] | None = None
    """For partners that take snapshots: the shape of a target with this upstream name."""
    canary: Callable[[T], tuple[T, tuple[str, str]]] | None = None
    """A new audience like the target, not created yet, and the identities of two invented people.

    None: the partner has no test of what absence from a file does.
    """
    audience_space: Callable[[D], str] | None = None
    """Names the part of the partner in which ids of audiences are unique; None: the base_url."""
    control: Callable[[D], ControlPlane[T]] | None = None
    """None: this program cannot ask the partner about audiences and jobs."""
    commands: Sequence[Command] = ()
    title: str = ""
    """The partner's own name for itself."""
    starting_destination: StartingDestination = StartingDestination("", "")
    starting_configuration: str = ""
    """The sections `destinations` and `audiences` of a first configuration, with comments."""
    redacts: Sequence[str] = ()
    """The beginnings of the partner's secrets: such words are never shown, nor taken as a path."""


Partners: TypeAlias = Mapping[str, Partner[Any, Any]]
"""Every partner, by its kind."""


def secret_beginnings(partners: Partners) -> tuple[str, ...]:
    """The beginnings of the secrets of all partners."""
    return tuple(beginning for partner in partners.values() for beginning in partner.redacts)
