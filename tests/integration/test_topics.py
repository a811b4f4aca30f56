"""Our topics on a real cluster: as they must be, or named with what mends them."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from pipeline.kafka.topic_plans import kept_topic, lane_topic
from pipeline.kafka.topics import PORTION, Topics, known_limits
from tests.conftest import Cluster
from tests.integration.world import ReadingStage, connection, group_options, member, until
from tests.servers.kafka_clients import administering, create_topics

pytestmark = pytest.mark.kafka

DAY_MS = 24 * 3_600_000


async def test_they_are_made_so_that_nothing_in_them_is_lost(
    apache_kafka: Cluster, namespace: str
) -> None:
    lane, jobs = f"{namespace}.records.lane", f"{namespace}.jobs"
    plans = [lane_topic(lane), kept_topic(jobs, 6, 14)]

    async with administering(apache_kafka) as admin:
        topics = Topics(admin, None)
        made = await topics.create(plans)
        again = await topics.create(plans)
        compared = await topics.compared(plans)
        partitions = await topics.partitions()
        of_lane, of_jobs = await _settings(admin, lane), await _settings(admin, jobs)

    assert (sorted(made), again, compared) == (sorted([lane, jobs]), [], ([], []))
    assert (partitions[lane], partitions[jobs]) == (1, 6)
    shared = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "1",
        "retention.bytes": "-1",
        "unclean.leader.election.enable": "false",
    }
    assert of_lane.items() >= {**shared, "retention.ms": "-1", "segment.ms": "3600000"}.items()
    assert of_jobs.items() >= {**shared, "retention.ms": str(14 * DAY_MS)}.items()


async def test_one_that_exists_with_other_settings_is_reported_with_the_command_that_mends_it(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    Those that all our topics share are looked at, too.
    """
    await create_topics(apache_kafka, namespace, settings={"retention.ms": "60000"})

    async with administering(apache_kafka) as admin:
        found, _ = await Topics(admin, None).compared([lane_topic(namespace)])

    command = f"kafka-configs.sh --alter --entity-type topics --entity-name {namespace}"
    assert [line for line in found if f"{command} --add-config retention.ms=-1" in line]
    assert [
        line for line in found if f"{command} --add-config message.timestamp.type=LogAppend" in line
    ]
    assert not [line for line in found if "retention.bytes" in line or "cleanup.policy" in line]


async def test_numbers_of_partitions_that_differ_are_reported_with_what_mends_them(
    apache_kafka: Cluster, namespace: str
) -> None:
    lane, jobs = f"{namespace}.lane", f"{namespace}.jobs"
    await create_topics(apache_kafka, lane, partitions=2)
    await create_topics(apache_kafka, jobs, partitions=3)

    async with administering(apache_kafka) as admin:
        plans = [lane_topic(lane), kept_topic(jobs, 6, 14)]
        found, _ = await Topics(admin, None).compared(plans)

    [of_lane] = [line for line in found if f"{lane} has 2 partitions" in line]
    [of_jobs] = [line for line in found if f"{jobs} has 3 partitions" in line]
    assert "this lane is not served" in of_lane
    assert f"kafka-topics.sh --delete --topic {lane}" in of_lane
    assert of_jobs.endswith(f"kafka-topics.sh --alter --topic {jobs} --partitions 6")


async def test_a_topic_that_takes_small_records_only_is_named_with_what_mends_it(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    Ordinary events would not fit, though everything else is as it should be.
    """
    await create_topics(apache_kafka, namespace, settings={"max.message.bytes": "200000"})

    async with administering(apache_kafka) as admin:
        found, _ = await Topics(admin, None).compared([lane_topic(namespace)])
    limits = await known_limits(connection(apache_kafka), [lane_topic(namespace)], 10.0)

    [line] = [line for line in found if "max.message.bytes" in line]
    assert line.startswith(f"topic {namespace} has max.message.bytes=200000")
    assert line.endswith("--add-config max.message.bytes=1048588")
    assert f"more than {limits.largest_record(namespace)} bytes" in line
    assert limits.largest_record(namespace) < 200_000 < limits.largest_record("another")


async def test_more_topics_than_fit_into_one_request_are_made(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    And the brokers tell of them: each says that a topic is made before it knows it itself.
    """
    plans = [lane_topic(f"{namespace}.{number}") for number in range(PORTION + 5)]

    async with administering(apache_kafka) as admin:
        made = await Topics(admin, None).create(plans)
        told = await Topics(admin, None).partitions()

    assert list(made) == [plan.name for plan in plans]
    assert told.keys() >= set(made)


async def test_nothing_that_exists_means_nothing_to_report(
    apache_kafka: Cluster, namespace: str
) -> None:
    async with administering(apache_kafka) as admin:
        assert await Topics(admin, None).compared([lane_topic(namespace)]) == ([], [])


async def test_a_lane_with_two_partitions_is_not_served_and_its_neighbour_is(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    Two partitions would be two owners, each with the whole cap.
    """
    split, whole = f"{namespace}.split", f"{namespace}.whole"
    await create_topics(apache_kafka, split, partitions=2)
    await create_topics(apache_kafka, whole)
    stage = ReadingStage([split, whole], name="upload", unit="topic")

    with capture_logs() as lines:
        async with member(apache_kafka, stage, group_options(namespace)) as one:
            await until(lambda: one.owns)

            assert one.group.workers.keys() == {TopicPartition(whole, 0)}
    assert [(line["topic"], line["has"]) for line in lines if line["log_level"] == "error"] == [
        (split, 2)
    ]


async def _settings(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    [resource] = response.resources
    return {entry[0]: entry[1] for entry in resource[4]}
