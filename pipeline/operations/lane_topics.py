"""The topics of lanes as they are: those of the configuration, and those that have left it."""

from collections.abc import Collection, Sequence

from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.lane_positions import LaneTopicFacts, look_at


def lane_topics(settings: Settings, existing: Collection[str]) -> tuple[list[str], list[str]]:
    """Topics of configured lanes that exist, and those of lanes that have left."""
    configured = [lane.topic for lane in lanes(settings)]
    left = set(Names(settings.kafka.namespace).lanes(existing).values()) - set(configured)
    return [topic for topic in configured if topic in existing], sorted(left)


async def facts_of(
    settings: Settings,
    admin: AIOKafkaAdminClient,
    connection: ClientOptions,
    topics: Sequence[str],
) -> Sequence[LaneTopicFacts]:
    """What the brokers say of these topics.

    Raises:
        ClusterTrouble: a broker went away meanwhile.
    """
    try:
        return await look_at(
            admin,
            connection,
            topics,
            group=Names(settings.kafka.namespace).group("upload"),
            read_committed=settings.kafka.exactly_once,
        )
    except kafka_errors.KafkaError as error:
        raise ClusterTrouble(
            f"kafka.bootstrap_servers: {settings.kafka.bootstrap_servers} failed in the middle "
            f"({type(error).__name__}); try again"
        ) from error


async def left_behind(
    settings: Settings,
    admin: AIOKafkaAdminClient,
    connection: ClientOptions,
    existing: Collection[str],
) -> Sequence[str]:
    """A line for each lane that left the configuration while records waited in it.

    Not to know it is no reason to refuse a start.
    """
    _, left = lane_topics(settings, existing)
    prefix = Names(settings.kafka.namespace).lane_prefix
    try:
        found = await facts_of(settings, admin, connection, left)
    except ClusterTrouble as trouble:
        return [f"lanes that are not in the configuration were not looked at: {trouble}"]
    return [
        f"lane {facts.topic.removeprefix(prefix)} is not in the configuration, and {facts.waiting} "
        "records wait in its topic: put it back to send them, or let them go with `lanes retire`"
        for facts in found
        if facts.waiting
    ]
