"""Audiences of snapshots that left the configuration, and whose members are still stored.

Known by what the owner of a destination wrote down: to read all members would be a long start. An
audience of which no snapshot was ever begun is therefore not known here.
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
    """Every audience that the owner of a destination ever wrote a state of."""

    states: dict[str, int] = field(default_factory=dict)
    """Where the last state of each stands."""
    retired: dict[str, int] = field(default_factory=dict)
    """Where an operator wrote that all members were let go of."""

    def take(self, record: PlacedRecord) -> None:
        """One more message of the owner's topic."""
        kind, _, audience = (record.key or b"").decode(errors="replace").partition("|")
        if kind == "a" and record.value is not None:
            self.states[audience] = record.offset
        elif kind == RETIRED:
            self.retired[audience] = record.offset

    def left(self, configured: Collection[str]) -> Sequence[str]:
        """Those that are not configured, and whose members were not let go of since."""
        return sorted(
            audience
            for audience, offset in self.states.items()
            if audience not in configured and offset > self.retired.get(audience, -1)
        )


async def owners_audiences(reader: TopicReader, topic: str) -> OwnersAudiences:
    """What stands in the owner's topic; nothing where there is no such topic.

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
    """A line for each such audience of a destination that is served.

    Not to know it is no reason to refuse a start.
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
        return [f"which audiences left their members behind was not looked at: {why}"]
    return lines


def configured_ids(settings: Settings, destination: str) -> Collection[str]:
    """The partner's ids of all audiences that the configuration sends there as snapshots."""
    return {
        route.audience_id
        for routes in member_routes(settings).values()
        for route in routes
        if route.destination == destination
    }


def _line(names: Names, destination: str, audience: str) -> str:
    return (
        f"audience {audience} of {destination} is not in the configuration, and topic "
        f"{names.members(destination)} still stores its members: put it back, or let them go with "
        f"`members retire {audience} --destination {destination}`"
    )
