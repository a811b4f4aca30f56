"""The reasons for which an event or a change is not sent, as values and not as exceptions."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

IgnoredReason = Literal[
    "tombstone",  # a null value: upstream deleted a key, which states no membership
    "not_membership",  # an event of another kind, such as a heartbeat
    "unknown_audience",  # not configured, in a topic with `unknown_audience: ignore`
    "identity_merge",  # upstream merged two people: their memberships may now go by another id
    "erasure_request",  # a person asked to be erased: this program does not do that
    "audience_deleted",  # upstream deleted an audience: its members are not removed
    "truncate",  # a table was emptied: its members are not removed
]

RejectedReason = Literal[
    "malformed",  # the value does not have the topic's format
    "event_too_large",  # more bytes than the source's largest_event_bytes
    "unknown_schema",  # the registry has no schema of this id
    "unknown_audience",  # no configured audience has this name
    "no_usable_identity",  # after normalising, no identity is left that the partner could match
    "invalid_member_id",  # the partner does not take this externalUserId
    "too_many_identities",  # more identities than the partner takes for one member
    "unsupported_country",  # the partner takes no hashed data from this country
    "record_too_large",  # one record alone is over the limit of a request or of the brokers
    "internal",  # this program failed on this event by a fault of its own
    "unknown_format_version",  # stored by a newer version of this program
    "refused",  # the partner refused this record
    "invalid",  # the partner's job named this record invalid
]

WithheldReason = Literal[
    "consent_missing",  # the member's country needs a signal and there was no valid one
    "consent_denied",  # the member said no
]


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that states no membership: counted and skipped."""

    reason: IgnoredReason


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event or a record that cannot be sent: it becomes a dead letter.

    `detail` names the place and the remedy in our own words; it never quotes the event.
    """

    reason: RejectedReason
    detail: str
    quoted: str = ""
    """Words of the event that help to find the fault; a letter with a reference drops them."""

    @property
    def whole(self) -> str:
        """The detail with the words of the event, for readers who may see the event."""
        return f"{self.detail}: {self.quoted}" if self.quoted else self.detail


@dataclass(frozen=True, slots=True)
class Withheld:
    """A change that consent forbids to send: counted, without a dead letter."""

    reason: WithheldReason


class Rendered(NamedTuple):
    """One record as the partner will get it."""

    member: str
    """The partner's externalUserId."""
    value: bytes
    """One object of the `records` array, UTF-8 JSON."""
