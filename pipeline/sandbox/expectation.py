"""What events imply, added up by whoever writes the events, while writing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
