"""What the rest of the program may know of a partner: no Kafka, no HTTP client, no terminal.

A partner is one package and its name in `registry.py`; nobody else imports the package.
`tests/toys` has the smallest ones that work.

Its settings are read in two steps: the destinations by their `kind`, then each target of an
audience by the model of the partner that its destination names, because what a target may say
depends on that.
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
    """One configured partner: the keys that all of them have."""

    kind: str
    takes: ClassVar[Literal["changes", "snapshots"]] = "changes"
    """Whether the partner is sent each change, or complete memberships as files."""


class TargetSettings(Section):
    """One place that an upstream audience goes to: the keys that all partners have."""

    id_key: ClassVar[str] = "audience_id"
    """The key that says the partner's id of the audience."""
    destination: DestinationName
    """A name under `destinations`."""

    def audience(self) -> str | None:
        """The partner's id of the audience; None while it is not made."""
        raise NotImplementedError

    def with_audience(self, audience: str) -> Self:
        """The same target with this id."""
        raise NotImplementedError

    def lane(self) -> str:
        """What the quota is counted for, as it stands in topics and metrics."""
        raise NotImplementedError

    def lane_keys(self) -> Mapping[str, object]:
        """The keys that say it, for messages and for the lock file; none where no key does."""
        raise NotImplementedError

    def unshown_ttl_days(self) -> int | None:
        """Days until members leave, of a partner that is told them and never shows them."""
        return None

    def unmakeable(self, upstream_name: str) -> Problem | None:
        """What keeps `audiences apply` from making the audience, if anything does.

        The path of the problem begins at the target.
        """
        raise NotImplementedError


Render: TypeAlias = Callable[[MembershipChange, HashOnce | None], Rendered | Withheld | Rejected]
"""The second hashes the change's identities for all of its routes; None where it has but one."""


@dataclass(frozen=True, slots=True)
class StartingDestination:
    """One destination in a first configuration of a format."""

    name: str
    sections: str
    """The `destinations` of an audience, which ends the section before, and the own section."""


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
    """Bound once for each route; called once for each change."""
    route: Callable[[D, T], bytes]
    """What stands in every record of this target, for the partner's own use."""
    member_id: Callable[[D, str], str]
    """A member's id as the partner gets it."""
    delivery: Callable[[D, Sequence[T]], Changes | Snapshots]
    """Of the lane of these targets."""
    buffer_bytes: Callable[[D], int]
    """What one lane needs in memory at least: two requests."""
    problems: Callable[[D, Sequence[T]], Iterable[Problem]]
    """What neither the destination nor a target can see alone. Paths begin at the destination."""
    advice: Callable[[D, Sequence[T]], Iterable[str]]
    """What is allowed and may not be meant, each beginning with its key."""
    check_online: Callable[[Api, D, Sequence[T]], Awaitable[Sequence[Finding]]]
    """Whether the partner is as a run needs it."""
    snapshot_audience: Callable[[D, T, str], SnapshotAudience] | None = None
    """Of a partner that takes snapshots: the target that upstream calls so."""
    canary: Callable[[T], tuple[T, tuple[str, str]]] | None = None
    """An audience like this one and of its own, not made yet, and two invented people's identities.

    None: what absence from a file does cannot be tried out.
    """
    audience_space: Callable[[D], str] | None = None
    """Where an audience's id means one audience, whoever asks; None: all that has one base_url."""
    control: Callable[[D], ControlPlane[T]] | None = None
    """None: its audiences and jobs are not to be asked for from here."""
    commands: Sequence[Command] = ()
    title: str = ""
    """The partner's own name for itself."""
    starting_destination: StartingDestination = StartingDestination("", "")
    starting_configuration: str = ""
    """The sections `destinations` and `audiences` of a first configuration, with comments."""
    redacts: Sequence[str] = ()
    """What its secrets begin with: such words are never shown, and no path of a file."""


Partners: TypeAlias = Mapping[str, Partner[Any, Any]]
"""By kind."""


def secret_beginnings(partners: Partners) -> tuple[str, ...]:
    """What the secrets of all partners begin with."""
    return tuple(beginning for partner in partners.values() for beginning in partner.redacts)
