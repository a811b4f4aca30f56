"""What a source is given, and what it makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected


class SourceMessage(Protocol):
    """One message of an upstream topic, as Kafka gave it."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def timestamp(self) -> int:
        """When Kafka says that it was written, milliseconds since the epoch; -1 for unknown."""


@dataclass(frozen=True, slots=True)
class SchemaNeeded:
    """The message can be read once the registry has said what the schema of this id is."""

    schema_id: int


Part = MembershipChange | Rejected
Reading = Sequence[Part] | Ignored | Rejected
"""What an event states. Of an event with many items, the good ones are carried and the bad ones
rejected, once for each reason."""
Outcome = Reading | SchemaNeeded
Read = Callable[[SourceMessage], Outcome]
"""Pure, and never raises: what cannot be read is rejected with its reason."""

NOT_MEMBERSHIP = Ignored("not_membership")
TOMBSTONE = Ignored("tombstone")


def malformed(place: str, what: str) -> Rejected:
    """Something in the event that is not as the configuration says; never quotes the event."""
    return Rejected("malformed", f"{place}: {what}")
