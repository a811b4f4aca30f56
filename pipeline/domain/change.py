"""What upstream says about one person and one audience, before we decide anything about it."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Action = Literal["add", "remove"]
Attributes: TypeAlias = Mapping[str, str | int | float | bool]


class MembershipChange(NamedTuple):
    """One statement: this member is in, or is out of, this audience.

    A named tuple and not a frozen dataclass, because one is made for every event and a frozen
    dataclass costs four times as much to make.
    """

    audience: str | None
    """The name upstream uses; None means every configured audience (a withdrawal of consent)."""
    action: Action
    member_id: str
    country: str | None
    """In upstream's spelling; it is normalised where it is used."""
    identities: Sequence[Mapping[str, str]]
    """One mapping for each identity: field name of the native event to a plain or hashed value."""
    consent: Mapping[str, object] | None
    """The event's `consent` object, not yet judged."""
    occurred_at_ms: int
    """When the membership changed, in milliseconds since the epoch, UTC."""
    attributes: Attributes | None = None
    """Values for columns of snapshots, by upstream's names."""
    is_backfill: bool = False
    """Upstream read the change from its own store, as in a first snapshot: it is not new."""
    is_withdrawal: bool = False
    """The person withdrew consent; such removes must arrive before all others."""
    stated_at_ms: int | None = None
    """When upstream stated the change, if this orders changes better than `occurred_at_ms`."""

    def __repr__(self) -> str:
        """Show the action and the audience, and no person."""
        return f"<MembershipChange {self.action} {self.audience}>"
