"""Finds snapshot audiences that left the configuration while their members are still stored.

It reads only the states that the owner of a destination wrote, because reading all members would
make a start slow. So it does not find an audience for which no snapshot was ever begun.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import errors as kafka_errors

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import member_routes, snapshot_destinations
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader
from pipeline.stages.snapshot.run_records import RETIRED


@dataclass(slots=True)
class OwnersAudiences:
    """Every audience for which the owner of a destination ever wrote a state."""

    states: dict[str, int] = field(default_factory=dict)
    """The offset of the last state, by audience."""
    retired: dict[str, int] = field(default_factory=dict)
    """The offset of the last `members retire`, by audience."""

    def take(self, record: PlacedRecord) -> None:
        """Take the next message of the owner's topic."""
        kind, _, audience = (record.key or b"").decode(errors="replace").partition("|")
        if kind == "a" and record.value is not None:
            self.states[audience] = record.offset
        elif kind == RETIRED:
            self.retired[audience] = record.offset

    def left(self, configured: Collection[str]) -> Sequence[str]:
        """The audiences that are not configured and were not retired since their last state."""
        return sorted(
            audience
            for audience, offset in self.states.items()
            if audience not in configured and offset > self.retired.get(audience, -1)
        )


async def owners_audiences(reader: TopicReader, topic: str) -> OwnersAudiences:
    """Read the audiences in the owner's topic; none if there is no such topic.

    Raises:
        ClusterTrouble, aiokafka.errors.KafkaError: the cluster failed.
    """
    found = OwnersAudiences()
    if topic in reader.topics:
        starts = await reader.oldest(reader.partitions(topic))
        await reader.read(starts, await reader.ends(starts), found.take)
    return found


async def members_left(
    settings: Settings, client_options: ClientOptions, existing: Mapping[str, int]
) -> Sequence[str]:
    """A warning for each such audience of a configured destination.

    If the topics cannot be read, a warning says so, and a start goes on.
    """
    names, lines = Names(settings.kafka.namespace), list[str]()
    served = [name for name in snapshot_destinations(settings) if names.snapshots(name) in existing]
    if not served:
        return []
    reader = TopicReader(
        client_options, committed_only=settings.kafka.exactly_once, topics=existing
    )
    try:
        async with reader:
            for name in served:
                found = await owners_audiences(reader, names.snapshots(name))
                left = found.left(configured_ids(settings, name))
                lines += [_line(names, name, audience) for audience in left]
    except (kafka_errors.KafkaError, ClusterTrouble) as error:
        why = str(error) if isinstance(error, ClusterTrouble) else type(error).__name__
        return [f"could not check whether removed audiences left members behind: {why}"]
    return lines


def configured_ids(settings: Settings, destination: str) -> Collection[str]:
    """The partner's ids of all snapshot audiences configured for a destination."""
    return {
        route.audience_id
        for routes in member_routes(settings).values()
        for route in routes
        if route.destination == destination
    }


def _line(names: Names, destination: str, audience: str) -> str:
    return (
        f"audience {audience} of {destination} is not in the configuration, and topic "
        f"{names.members(destination)} still stores its members: put it back, or delete them with "
        f"`members retire {audience} --destination {destination}`"
    )
