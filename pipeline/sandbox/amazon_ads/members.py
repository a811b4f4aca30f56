"""The members of each audience, the earlier changes of each, and changes that were not applied."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Action: TypeAlias = Literal["add", "remove"]
UnappliedReason: TypeAlias = Literal[
    "refused",  # answered with 400 because of this record
    "invalid",  # the job named it
    "job_failed",  # the whole job failed
]


class Change(NamedTuple):
    """One accepted record. `sequence` grows by one with every record that is accepted."""

    action: Action
    sequence: int
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unapplied:
    """A member's last record that was not applied; the reconciliation needs it."""

    audience: int
    member: str
    action: Action
    sequence: int
    reason: UnappliedReason

    def __repr__(self) -> str:
        return f"<Unapplied {self.sequence} of audience {self.audience}: {self.reason}>"


class Memberships:
    """Memberships by audience and member, each packed into one integer: millions fit in memory."""

    def __init__(self, history: int) -> None:
        self._history = history
        self._current: dict[int, dict[str, int]] = {}
        self._earlier: dict[int, dict[str, tuple[int, ...]]] = {}
        self._unapplied: dict[tuple[int, str], Unapplied] = {}
        self._sizes: Counter[int] = Counter()
        self._sequence = 0

    def apply(
        self, audience: int, members: Sequence[str], adds: Sequence[bool], digests: Sequence[int]
    ) -> None:
        """Apply records in their order; the last one of a member counts."""
        changes = [
            sequence << 33 | digest << 1 | add
            for sequence, digest, add in zip(
                self._next_sequences(len(members)), digests, adds, strict=True
            )
        ]
        current = self._current.setdefault(audience, {})
        distinct = set(members)
        self._sizes[audience] -= sum(current.get(member, 0) & 1 for member in distinct)
        if self._history:
            self._remember(audience, distinct, members, changes)
        current.update(zip(members, changes, strict=True))
        self._sizes[audience] += sum(current[member] & 1 for member in distinct)

    def pass_over(
        self, audience: int, entries: Iterable[tuple[str, bool]], reason: UnappliedReason
    ) -> None:
        """Record that these records were not applied."""
        for member, add in entries:
            self._sequence += 1
            self._unapplied[audience, member] = Unapplied(
                audience=audience,
                member=member,
                action="add" if add else "remove",
                sequence=self._sequence,
                reason=reason,
            )

    def audiences(self) -> list[int]:
        return list(self._current)

    def size(self, audience: int) -> int:
        return self._sizes[audience]

    def standing(self, audience: int) -> Iterator[tuple[str, Change]]:
        """The last accepted change of each member."""
        for member, packed in list(self._current.get(audience, {}).items()):
            yield member, _unpacked(packed)

    def history(self, audience: int, member: str) -> list[Change]:
        """The accepted changes of a member, oldest first, as many as are kept."""
        earlier = self._earlier.get(audience, {}).get(member, ())
        current = self._current.get(audience, {}).get(member)
        return [_unpacked(packed) for packed in (*earlier, *([] if current is None else [current]))]

    def unapplied(self) -> list[Unapplied]:
        """For each member, the last record that was refused, invalid or in a failed job."""
        return list(self._unapplied.values())

    def _next_sequences(self, count: int) -> range:
        first = self._sequence + 1
        self._sequence += count
        return range(first, first + count)

    def _remember(
        self,
        audience: int,
        distinct: AbstractSet[str],
        members: Sequence[str],
        changes: Sequence[int],
    ) -> None:
        current = self._current[audience]
        earlier = self._earlier.setdefault(audience, {})
        for member in distinct & current.keys():
            earlier[member] = (*earlier.get(member, ()), current[member])[-self._history :]
        if len(distinct) == len(members):
            return
        last = dict(zip(members, changes, strict=True))
        for member, change in zip(members, changes, strict=True):
            if last[member] != change:
                earlier[member] = (*earlier.get(member, ()), change)[-self._history :]


def _unpacked(packed: int) -> Change:
    return Change("add" if packed & 1 else "remove", packed >> 33, packed >> 1 & 0xFFFFFFFF)
