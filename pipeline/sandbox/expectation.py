"""Adds up what the events imply; the traffic does this while it writes them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pipeline.domain.change import Action
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason


class Target(NamedTuple):
    """One audience at the partner, and its connection."""

    connection: str
    audience_id: int


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience with its upstream name and its targets."""

    name: str
    targets: Sequence[Target]
    adobe_id: str | None = None
    """Adobe's id of the audience; None: it does not go to Adobe."""

    @property
    def goes_to_adobe(self) -> bool:
        return self.adobe_id is not None


Row: TypeAlias = Sequence[str]
"""The cells of one member in a file; the first is their identity."""


class Statement(NamedTuple):
    """One change that upstream wrote about a member, with its time; no row: not a member."""

    at_ms: int
    row: Row | None


@dataclass(slots=True)
class Snapshots:
    """The expected content of the files: the newest change of each member counts.

    If two changes have the same time, the later one in upstream's topic counts. A member's events
    share a partition, so that is the change that was written later.
    """

    statements: dict[str, dict[str, Statement]] = field(default_factory=dict)
    """The newest change, by the audience's upstream name and the member."""
    prepared: int = 0
    """The number of member records for these changes."""
    members: int = 0
    """The number of rows in all files."""

    def state(self, audience: str, member: str, statement: Statement) -> None:
        """Take the next change, in the order of writing."""
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
    """The expected counts and the final membership, without any code of the pipeline."""

    events: int = 0
    changes: Counter[Action] = field(default_factory=Counter)
    ignored: Counter[IgnoredReason] = field(default_factory=Counter)
    rejected: Counter[RejectedReason] = field(default_factory=Counter)
    """Rejections, counted for each change and target."""
    letters: Counter[RejectedReason] = field(default_factory=Counter)
    """Dead letters of ingest: one for each event and reason, also for many changes."""
    withheld: Counter[WithheldReason] = field(default_factory=Counter)
    prepared: Counter[str] = field(default_factory=Counter)
    """The number of records, by connection."""
    membership: dict[int, dict[str, Action]] = field(default_factory=dict)
    """The last change of each member, by the partner's audience."""

    snapshots: Snapshots = field(default_factory=Snapshots)

    def sent(self, targets: Sequence[Target], member: str, action: Action) -> None:
        """Count a change that goes to each of these targets."""
        for target in targets:
            self.prepared[target.connection] += 1
            self.membership.setdefault(target.audience_id, {})[member] = action

    def reject(self, reason: RejectedReason, count: int = 1) -> None:
        """Count an event with this many rejected changes."""
        self.rejected[reason] += count
        self.letters[reason] += 1

    def __repr__(self) -> str:
        return f"<Expectation of {self.events} events>"
