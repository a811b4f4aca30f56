"""What of one event cannot be carried: at most one dead letter for each reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipeline.domain.reasons import Rejected, RejectedReason

MOST_QUOTED = 5


@dataclass(slots=True)
class _Rejection:
    """All of one reason: the first in full, the others as a number."""

    first: Rejected
    count: int
    quoted: tuple[str, ...]

    def letter(self) -> Rejected:
        detail = self.first.detail
        if self.count > 1:
            detail += f" (so for {self.count} audiences of this event)"
        others = " and others" if self.count > len(self.quoted) > 0 else ""
        return Rejected(self.first.reason, detail, ", ".join(self.quoted) + others)


@dataclass(slots=True)
class Rejections:
    """One event's. It may name any number of audiences, so what is kept of them is bounded."""

    _by_reason: dict[RejectedReason, _Rejection] = field(default_factory=dict)

    def note(self, rejected: Rejected) -> None:
        found = self._by_reason.get(rejected.reason)
        quoted = (rejected.quoted,) if rejected.quoted else ()
        if found is None:
            self._by_reason[rejected.reason] = _Rejection(rejected, 1, quoted)
            return
        found.count += 1
        if len(found.quoted) < MOST_QUOTED:
            found.quoted += quoted

    def letters(self) -> Iterator[tuple[Rejected, int]]:
        """What each dead letter says, and how many rejections it stands for."""
        for rejection in self._by_reason.values():
            yield rejection.letter(), rejection.count

    def copy(self) -> "Rejections":
        return Rejections({reason: replace(one) for reason, one in self._by_reason.items()})

    def __bool__(self) -> bool:
        return bool(self._by_reason)
