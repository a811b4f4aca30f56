"""The input of a source (a message) and its possible results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected


class SourceMessage(Protocol):
    """One message of an upstream topic, unchanged from Kafka."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...
    @property
    def timestamp(self) -> int:
        """The message's time in Kafka, milliseconds since the epoch; -1 if unknown."""


@dataclass(frozen=True, slots=True)
class SchemaNeeded:
    """The message can be read after the schema of this id is fetched."""

    schema_id: int


Part = MembershipChange | Rejected
Reading = Sequence[Part] | Ignored | Rejected
"""The result of an event. If it has many items, good ones become changes, and bad ones are
rejected, once for each reason."""
Outcome = Reading | SchemaNeeded
Read = Callable[[SourceMessage], Outcome]
"""Reads a message; pure, and never raises: an unreadable message is rejected with its reason."""

NOT_MEMBERSHIP = Ignored("not_membership")
TOMBSTONE = Ignored("tombstone")


def malformed(place: str, what: str) -> Rejected:
    """The rejection of an event that does not fit the configuration; never quotes the event."""
    return Rejected("malformed", f"{place}: {what}")
