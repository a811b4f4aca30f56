"""How a members topic is made, as the brokers say it to its owner once a minute."""

import asyncio

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.domain.member_record import PARTITIONS
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.kafka.members_check import KafkaMembersCheck
from pipeline.kafka.topic_plans import members_topic
from pipeline.kafka.topics import Topics
from pipeline.stages.snapshot.members_trouble import Bounds
from pipeline.stages.snapshot.ports import TopicUnreadable
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.kafka_clients import administering


def check_of(cluster: Cluster, namespace: str) -> KafkaMembersCheck:
    plan = members_topic(f"{namespace}.members.adobe", PARTITIONS)
    return KafkaMembersCheck(connection(cluster), "adobe", plan, None)


async def well(check: KafkaMembersCheck) -> None:
    """
    Until nothing is wrong: brokers tell of a new topic a moment later.
    """
    async with asyncio.timeout(30):
        while await check.trouble() is not None:
            await asyncio.sleep(0.2)


async def alter(cluster: Cluster, topic: str, **settings: str) -> None:
    """
    All that a topic has otherwise than its broker: the request replaces what was there.
    """
    async with administering(cluster) as admin:
        wanted = {**members_topic(topic, PARTITIONS).settings, **settings}
        wanted["message.timestamp.type"] = "LogAppendTime"
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])


@pytest.mark.kafka
async def test_a_setting_that_changes_under_a_running_owner_is_named_until_it_is_mended(
    apache_kafka: Cluster, namespace: str
) -> None:
    check, topic = check_of(apache_kafka, namespace), f"{namespace}.members.adobe"
    await well(check)

    await alter(apache_kafka, topic, **{"min.compaction.lag.ms": "0", "cleanup.policy": "delete"})
    async with asyncio.timeout(30):
        while (found := await check.trouble()) is None:
            await asyncio.sleep(0.2)
    await alter(apache_kafka, topic)

    assert (found.cause, found.stops_ingest) == ("settings", False)
    assert f"{topic} has cleanup.policy=delete instead of compact" in found.why
    assert "--add-config min.compaction.lag.ms=86400000" in found.why
    await well(check)


@pytest.mark.kafka
async def test_a_topic_that_was_deleted_is_made_anew_and_empty(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    The ingest of all destinations waits for it; that it is empty is found by its bounds.
    """
    check, topic = check_of(apache_kafka, namespace), f"{namespace}.members.adobe"
    await well(check)

    async with administering(apache_kafka) as admin:
        await admin.delete_topics([topic])
        while topic in await Topics(admin, None).partitions():
            await asyncio.sleep(0.1)
    await well(check)

    async with KafkaMemberTopic(connection(apache_kafka), topic) as members:
        assert list(await members.bounds()) == [Bounds(0, 0)] * PARTITIONS


async def test_brokers_that_are_away_say_nothing_of_it() -> None:
    away = ClientOptions(bootstrap_servers="127.0.0.1:1", client_id="test")
    plan = members_topic("audience.members.adobe", PARTITIONS)

    with pytest.raises(TopicUnreadable):
        await KafkaMembersCheck(away, "adobe", plan, None).trouble()
