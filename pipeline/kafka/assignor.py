"""Assigns whole topics to members, as evenly as possible, and moves as few as possible."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment as Assigned
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata as Subscribed

NAME = "whole-topic-sticky"
"""All members of a group must offer an assignor of the same name."""


class Owned(NamedTuple):
    """The topics that a member got last, and the round of that assignment."""

    round: int
    topics: Sequence[str]


class WholeTopicAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
    """Gives each topic with all its partitions to one member, which keeps it while it stays.

    A lane that moves starts with an empty bucket, so lanes must not move without need. One object
    belongs to one member of a group. With each join the member says what it owned, as places in the
    sorted list of its topics: names would make the group's state too large for the brokers. A
    member that was away names an older round; then a newer owner keeps the topic.
    """

    name = NAME

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._owned = Owned(0, ())

    def metadata(self, topics: Iterable[str]) -> Subscribed:
        """Return what the member says when it joins."""
        ordered = sorted(topics)
        places = {topic: place for place, topic in enumerate(ordered)}
        owned = sorted(places[topic] for topic in self._owned.topics if topic in places)
        said = {"round": self._owned.round, "owned": owned}
        return Subscribed(0, ordered, json.dumps(said, separators=(",", ":")).encode())

    def on_assignment(self, assignment: Assigned) -> None:
        """Remember the given topics for the next join."""
        said = _read(assignment.user_data)
        topics = [topic for topic, _ in assignment.assignment]
        self._owned = Owned(_whole(said.get("round")), topics)

    def assign(self, cluster: Any, members: Mapping[str, Subscribed]) -> dict[str, Assigned]:
        """Return the assignment of all members; the group's leader calls this."""
        topics = {topic for member in members.values() for topic in member.subscription}
        partitions = {topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        subscribed = {
            name: {topic for topic in member.subscription if partitions[topic]}
            for name, member in members.items()
        }
        owned = {name: _owned(member) for name, member in members.items()}
        # New members know no round. The clock gives one that is higher than an absent member's.
        now = int(self._clock())
        following = max([now, *(one.round + 1 for one in owned.values())])
        data = json.dumps({"round": following}).encode()
        return {
            name: Assigned(0, [(topic, partitions[topic]) for topic in sorted(given)], data)
            for name, given in spread(subscribed, owned).items()
        }


def spread(
    subscribed: Mapping[str, AbstractSet[str]], owned: Mapping[str, Owned]
) -> Mapping[str, AbstractSet[str]]:
    """Return the topics of each member.

    Each subscribed topic has one owner, which subscribes to it. No member has two topics more than
    another member that could take one of them. A member keeps the topics that it owned, unless the
    balance needs them. If two members say that they owned a topic, the newer round wins.
    """
    plan = _kept(subscribed, owned)
    _fill(plan, subscribed)
    _balance(plan, subscribed)
    return plan


def _kept(
    subscribed: Mapping[str, AbstractSet[str]], owned: Mapping[str, Owned]
) -> dict[str, set[str]]:
    plan: dict[str, set[str]] = {name: set() for name in subscribed}
    taken: set[str] = set()
    for name in sorted(subscribed, key=lambda name: (-_of(owned, name).round, name)):
        keeps = subscribed[name] & set(_of(owned, name).topics) - taken
        plan[name] |= keeps
        taken |= keeps
    return plan


def _fill(plan: dict[str, set[str]], subscribed: Mapping[str, AbstractSet[str]]) -> None:
    """Give each free topic to the member with the fewest; begin with topics that few can take."""
    takers: dict[str, list[str]] = {}
    for name in sorted(subscribed):
        for topic in subscribed[name]:
            takers.setdefault(topic, []).append(name)
    free = takers.keys() - set[str]().union(*plan.values())
    for topic in sorted(free, key=lambda topic: (len(takers[topic]), topic)):
        plan[min(takers[topic], key=lambda name: len(plan[name]))].add(topic)


def _balance(plan: dict[str, set[str]], subscribed: Mapping[str, AbstractSet[str]]) -> None:
    """Move topics one by one; each move makes two members more equal, so the loop ends."""
    while (move := _next_move(plan, subscribed)) is not None:
        giver, taker, topic = move
        plan[giver].remove(topic)
        plan[taker].add(topic)


def _next_move(
    plan: Mapping[str, set[str]], subscribed: Mapping[str, AbstractSet[str]]
) -> tuple[str, str, str] | None:
    by_size = sorted(plan, key=lambda name: (len(plan[name]), name))
    for giver in reversed(by_size):
        for taker in by_size:
            if len(plan[taker]) + 2 > len(plan[giver]):
                break
            movable = plan[giver] & subscribed[taker]
            if movable:
                return giver, taker, min(movable)
    return None


def _of(owned: Mapping[str, Owned], name: str) -> Owned:
    return owned.get(name, Owned(0, ()))


def _owned(member: Subscribed) -> Owned:
    """Return what a member says it owned; a member with unreadable data owned nothing."""
    said = _read(member.user_data)
    ordered = sorted(member.subscription)
    places = said.get("owned")
    known = [
        ordered[place]
        for place in (places if isinstance(places, list) else ())
        if isinstance(place, int) and 0 <= place < len(ordered)
    ]
    return Owned(_whole(said.get("round")), known)


def _read(data: bytes | None) -> Mapping[str, object]:
    try:
        said = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
