"""What of one event cannot be carried: at most one dead letter for each reason.

An event may name any number of audiences, so what is kept of its rejections is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.domain.reasons import Rejected, RejectedReason

MOST_QUOTED = 5


@dataclass(slots=True)
class Rejection:
    """All of one reason: the first in full, the others as a number."""

    first: Rejected
    count: int
    quoted: tuple[str, ...]

    def letter(self) -> Rejected:
        """What the dead letter says of all of them."""
        detail = self.first.detail
        if self.count > 1:
            detail += f" (so for {self.count} audiences of this event)"
        others = " and others" if self.count > len(self.quoted) > 0 else ""
        return Rejected(self.first.reason, detail, ", ".join(self.quoted) + others)


Rejections = dict[RejectedReason, Rejection]
"""One event's. A dict and no class: one is made for every event, and this costs a tenth."""


def note(rejections: Rejections, rejected: Rejected) -> None:
    """Add one to those of its reason."""
    quoted = (rejected.quoted,) if rejected.quoted else ()
    found = rejections.get(rejected.reason)
    if found is None:
        rejections[rejected.reason] = Rejection(rejected, 1, quoted)
        return
    found.count += 1
    if len(found.quoted) < MOST_QUOTED:
        found.quoted += quoted


def letters(rejections: Rejections) -> Iterator[tuple[Rejected, int]]:
    """What each dead letter says, and how many rejections it stands for."""
    for rejection in rejections.values():
        yield rejection.letter(), rejection.count


def copied(rejections: Rejections) -> Rejections:
    """The same, for somebody who adds more."""
    return {reason: replace(one) for reason, one in rejections.items()}
