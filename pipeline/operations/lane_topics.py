"""Finds the topics of lanes in the cluster, also of lanes that left the configuration."""

from collections.abc import Collection, Sequence

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, snapshot_destinations
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, left_in_the_middle
from pipeline.kafka.lane_positions import LaneTopicFacts, look_at
from pipeline.operations.moved_audiences import MovedAudience, moved_audiences


def lane_topics(settings: Settings, existing: Collection[str]) -> tuple[list[str], list[str]]:
    """Existing topics of configured lanes, and topics of lanes that left the configuration."""
    configured = [lane.topic for lane in lanes(settings)]
    left = set(Names(settings.kafka.namespace).lanes(existing).values()) - set(configured)
    return [topic for topic in configured if topic in existing], sorted(left)


async def facts_of(
    settings: Settings,
    admin: AIOKafkaAdminClient,
    client_options: ClientOptions,
    topics: Sequence[str],
    *,
    looks_inside: bool = True,
) -> Sequence[LaneTopicFacts]:
    """The facts of these topics from the brokers.

    Raises:
        ClusterTrouble: a broker failed meanwhile.
    """
    try:
        return await look_at(
            admin,
            client_options,
            topics,
            group=Names(settings.kafka.namespace).group("upload"),
            read_committed=settings.kafka.exactly_once,
            looks_inside=looks_inside,
        )
    except kafka_errors.KafkaError as error:
        raise left_in_the_middle(client_options, error) from error


async def moved_of(
    settings: Settings, client_options: ClientOptions, facts: Sequence[LaneTopicFacts]
) -> Sequence[MovedAudience]:
    """Audiences that moved from one of these lanes to another while the old one has records.

    Raises:
        ClusterTrouble: a broker failed meanwhile.
    """
    try:
        return await moved_audiences(settings, client_options, facts)
    except kafka_errors.KafkaError as error:
        raise left_in_the_middle(client_options, error) from error


async def left_behind(
    settings: Settings,
    admin: AIOKafkaAdminClient,
    client_options: ClientOptions,
    existing: Collection[str],
) -> Sequence[str]:
    """A warning for each lane that left the configuration while records wait in it.

    Also one for each audience that moved from a lane with waiting records, and for each removed
    destination whose members are stored. If the brokers do not answer, a start goes on without.
    """
    here, left = lane_topics(settings, existing)
    kept = _memberships_left(settings, existing)
    prefix = Names(settings.kafka.namespace).lane_prefix
    try:
        found = await facts_of(settings, admin, client_options, left)
        # With a thousand lanes, reading the backlog of each would make a start slow.
        serving = await facts_of(settings, admin, client_options, here, looks_inside=False)
        moved = await moved_of(settings, client_options, [*found, *serving])
    except ClusterTrouble as trouble:
        return [*kept, f"the topics of lanes could not be read: {trouble}"]
    waiting = [
        f"lane {facts.topic.removeprefix(prefix)} is not in the configuration, and {facts.waiting} "
        "records wait in its topic: put it back to send them, or delete them with `lanes retire`"
        for facts in found
        if facts.waiting
    ]
    return [*kept, *waiting, *map(str, moved)]


def _memberships_left(settings: Settings, existing: Collection[str]) -> Sequence[str]:
    """A warning for each members topic of a destination that left the configuration."""
    names = Names(settings.kafka.namespace)
    served = {names.members(name) for name in snapshot_destinations(settings)}
    return [
        f"topic {topic} keeps the memberships of a destination that is not in the configuration: "
        "no snapshots are made of them; put the destination back, or delete the topic with "
        f"kafka-topics.sh --delete --topic {topic}"
        for topic in sorted(existing)
        if topic.startswith(names.members("")) and topic not in served
    ]
