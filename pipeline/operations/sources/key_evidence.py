"""What the keys of a topic show: order is kept in a partition, so a member must stay in one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.reading import Read, SchemaNeeded, SourceMessage

Judgement = Literal["proven broken", "broken", "not shown"]


class PlacedMessage(SourceMessage, Protocol):
    """A message, and the partition it was read from."""

    @property
    def partition(self) -> int: ...


@dataclass(frozen=True, slots=True)
class KeyEvidence:
    """What a few messages say of a topic's keys; what they do not show may still be so."""

    judgement: Judgement
    messages: int
    null_keys: int
    members: int
    """Different ones that were found."""
    in_two_partitions: int
    key_is_member: int
    """Changes whose member is the whole key."""

    def sentence(self) -> str:
        """One line without a person in it."""
        looked = f"of {self.messages} messages"
        if self.judgement == "proven broken":
            return (
                f"order is proven broken: {looked}, {self.in_two_partitions} members stand in two "
                "partitions; key the topic by the member"
            )
        if self.judgement == "broken":
            return (
                f"order is broken: {looked}, {self.null_keys} have no key, and so go to any "
                "partition; key the topic by the member"
            )
        return f"order: nothing wrong was shown {looked} with {self.members} members"


def evidence(messages: Iterable[PlacedMessage], read: Read, partitions: int) -> KeyEvidence:
    """What these messages show. A topic with one partition keeps every order."""
    count = null_keys = key_is_member = 0
    places: dict[str, set[int]] = {}
    for message in messages:
        count += 1
        null_keys += message.key is None
        for member in _members(read, message):
            places.setdefault(member, set()).add(message.partition)
            key_is_member += message.key == member.encode(errors="replace")
    torn = sum(len(found) > 1 for found in places.values())
    return KeyEvidence(
        judgement=_judgement(torn, null_keys, partitions),
        messages=count,
        null_keys=null_keys,
        members=len(places),
        in_two_partitions=torn,
        key_is_member=key_is_member,
    )


def _judgement(torn: int, null_keys: int, partitions: int) -> Judgement:
    if torn:
        return "proven broken"
    return "broken" if null_keys and partitions > 1 else "not shown"


def _members(read: Read, message: PlacedMessage) -> set[str]:
    outcome = read(message)
    if isinstance(outcome, Ignored | Rejected | SchemaNeeded):
        return set()
    return {change.member_id for change in outcome if isinstance(change, MembershipChange)}
