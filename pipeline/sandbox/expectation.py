"""What events imply, added up by whoever writes the events, while writing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pipeline.domain.change import Action
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason


class Target(NamedTuple):
    """One audience at the partner, and the connection through which it is reached."""

    connection: str
    audience_id: int


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience under its upstream name, and where it goes."""

    name: str
    targets: Sequence[Target]
    adobe_id: str | None = None
    """Adobe's id of it; None: it does not go there."""

    @property
    def goes_to_adobe(self) -> bool:
        return self.adobe_id is not None


Row: TypeAlias = Sequence[str]
"""The cells of one member in a file; the first is their identity."""


class Statement(NamedTuple):
    """What upstream said of a member when; without a row they are none."""

    at_ms: int
    row: Row | None


@dataclass(slots=True)
class Snapshots:
    """What must be in the files: of each member, the statement of the greatest time counts.

    Of two of the same time the later one in upstream's topic counts. A member's events share a
    partition, so that is the one that was written later.
    """

    statements: dict[str, dict[str, Statement]] = field(default_factory=dict)
    """By the audience's upstream name, and member."""
    prepared: int = 0
    """Member records that they make."""
    members: int = 0
    """Rows of all files together."""

    def state(self, audience: str, member: str, statement: Statement) -> None:
        """One more statement, in the order in which they are written."""
        self.prepared += 1
        members = self.statements.setdefault(audience, {})
        standing = members.get(member)
        if standing is not None and standing.at_ms > statement.at_ms:
            return
        was_member = standing is not None and standing.row is not None
        self.members += (statement.row is not None) - was_member
        members[member] = statement

    def files(self) -> dict[str, dict[str, Row]]:
        """The rows of each audience's file, by identity."""
        return {
            audience: {said.row[0]: said.row for said in members.values() if said.row is not None}
            for audience, members in self.statements.items()
        }


@dataclass(slots=True)
class Expectation:
    """Counts and the membership that stands in the end. No code of the pipeline is asked."""

    events: int = 0
    changes: Counter[Action] = field(default_factory=Counter)
    ignored: Counter[IgnoredReason] = field(default_factory=Counter)
    rejected: Counter[RejectedReason] = field(default_factory=Counter)
    """By change and target."""
    letters: Counter[RejectedReason] = field(default_factory=Counter)
    """Dead letters of ingest: one for an event and a reason, whatever it stands for."""
    withheld: Counter[WithheldReason] = field(default_factory=Counter)
    prepared: Counter[str] = field(default_factory=Counter)
    """Records by connection."""
    membership: dict[int, dict[str, Action]] = field(default_factory=dict)
    """The last change of each member, by the partner's audience."""

    snapshots: Snapshots = field(default_factory=Snapshots)

    def sent(self, targets: Sequence[Target], member: str, action: Action) -> None:
        """A change that goes to each of these targets."""
        for target in targets:
            self.prepared[target.connection] += 1
            self.membership.setdefault(target.audience_id, {})[member] = action

    def reject(self, reason: RejectedReason, count: int = 1) -> None:
        """One event of which so many changes go nowhere."""
        self.rejected[reason] += count
        self.letters[reason] += 1

    def __repr__(self) -> str:
        return f"<Expectation of {self.events} events>"
