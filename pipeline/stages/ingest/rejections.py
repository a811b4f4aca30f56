"""The rejections of one event: at most one dead letter for each reason.

An event may name any number of audiences, so the memory for its rejections is bounded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.domain.reasons import Rejected, RejectedReason

MOST_QUOTED = 5


@dataclass(slots=True)
class Rejection:
    """All rejections of one reason: the first in full, the others as a number."""

    first: Rejected
    count: int
    quoted: tuple[str, ...]

    def letter(self) -> Rejected:
        """Return the text of the dead letter for all of them."""
        detail = self.first.detail
        if self.count > 1:
            detail += f" (the same for {self.count} audiences of this event)"
        others = " and others" if self.count > len(self.quoted) > 0 else ""
        return Rejected(self.first.reason, detail, ", ".join(self.quoted) + others)


Rejections = dict[RejectedReason, Rejection]
"""The rejections of one event. A dict, made for every event, costs a tenth of a class."""


def note(rejections: Rejections, rejected: Rejected) -> None:
    """Add a rejection to those of the same reason."""
    quoted = (rejected.quoted,) if rejected.quoted else ()
    found = rejections.get(rejected.reason)
    if found is None:
        rejections[rejected.reason] = Rejection(rejected, 1, quoted)
        return
    found.count += 1
    if len(found.quoted) < MOST_QUOTED:
        found.quoted += quoted


def letters(rejections: Rejections) -> Iterator[tuple[Rejected, int]]:
    """Yield the text of each dead letter, and how many rejections it stands for."""
    for rejection in rejections.values():
        yield rejection.letter(), rejection.count


def copied(rejections: Rejections) -> Rejections:
    """Return a copy, to which more rejections can be added."""
    return {reason: replace(one) for reason, one in rejections.items()}
