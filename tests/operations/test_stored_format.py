"""A namespace that another version of this program wrote is refused, and the way out is told."""

import json
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.domain.job import JOB_FORMAT
from pipeline.kafka.offset_resolver import METADATA_FORMAT, metadata
from pipeline.operations import check
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.stored_format import (
    OtherFormat,
    StoredVersion,
    check_stored_format,
    refusal,
    said_version,
)
from pipeline.sandbox.broker import EmbeddedBroker
from tests.configuration.test_example_files import CONNECTION, Example
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.kafka_clients import administering, create_topics, producing, reading

LANE = f"amazon-na.{CONNECTION}"
WAY = "run that version until `ledger` shows that nothing waits, then set kafka.namespace to"


def settings_of(cluster: Cluster, namespace: str) -> Settings:
    example = Example().put("kafka.bootstrap_servers", cluster.bootstrap_servers)
    example.put("kafka.namespace", namespace).put("sources.0.topic", f"{namespace}.events")
    return settings_from(example.document, Path())


async def commit(cluster: Cluster, group: str, topic: str, said: str) -> None:
    tp = TopicPartition(topic, 0)
    async with reading(cluster, group=group) as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: OffsetAndMetadata(0, said)})


async def write(cluster: Cluster, topic: str, *values: bytes) -> None:
    async with producing(cluster) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def look(cluster: Cluster, namespace: str) -> None:
    await check_stored_format(connection(cluster), namespace, patience=30.0)


def test_nothing_that_is_of_this_version_is_refused() -> None:
    found = [StoredVersion("topic x", 2, 2), StoredVersion("group y", 5, 5)]

    assert refusal("audience", found) is None
    assert refusal("audience", []) is None


def test_an_earlier_version_has_to_come_to_rest_and_a_later_one_is_not_guessed_at() -> None:
    assert refusal("audience", [StoredVersion("topic x", 1, 2)]) == (
        "kafka.namespace: 'audience' belongs to an earlier version of this program (topic x says "
        "format 1, and this version reads 2); run that version until `ledger` shows that "
        "nothing waits, then set kafka.namespace to a new name for this version"
    )
    assert refusal("audience", [StoredVersion("group y", 3, 2)]) == (
        "kafka.namespace: 'audience' belongs to a later version of this program (group y says "
        "format 3, and this version reads 2); run that version, or give kafka.namespace another "
        "name"
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (metadata(clean=True), METADATA_FORMAT),
        ('{"format": 1, "clean": true}', 1),
        (b'{"format": 1}', 1),
        ('{"format": true}', None),
        ('{"format": "1"}', None),
        ("[1]", None),
        ("1", None),
        ("", None),
        (None, None),
        (b"\xff", None),
        ("[" * 100_000, None),
    ],
)
def test_what_says_no_version_is_of_nobody(text: str | bytes | None, version: int | None) -> None:
    """
    Kafka's own tools commit without metadata, and anybody can write to a topic.
    """
    assert said_version(text) == version


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("stage", "topic"),
    [("upload", f"records.{LANE}"), ("upload", "records.left"), ("poll", "jobs")],
)
async def test_commits_of_version_1_are_refused_at_the_start_and_by_the_online_check(
    apache_kafka: Cluster, namespace: str, stage: str, topic: str
) -> None:
    await create_topics(apache_kafka, f"{namespace}.events", f"{namespace}.{topic}")
    await commit(
        apache_kafka,
        f"{namespace}.{stage}",
        f"{namespace}.{topic}",
        '{"format": 1, "clean": true, "holds": {}}',
    )
    settings = settings_of(apache_kafka, namespace)

    with pytest.raises(OtherFormat) as refused:
        await prepare(settings, creates=True)
    found = [one async for one in check.online(settings)]

    place = f"(group {namespace}.{stage}, topic {namespace}.{topic} says format 1, and this"
    assert place in str(refused.value)
    assert WAY in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [one.is_bad for one in found if one.text == str(refused.value)] == [True]
    async with administering(apache_kafka) as admin:
        assert f"{namespace}.controls" not in await admin.list_topics()


@pytest.mark.kafka
async def test_commits_of_this_version_are_taken(apache_kafka: Cluster, namespace: str) -> None:
    lane = f"{namespace}.records.{LANE}"
    await create_topics(apache_kafka, f"{namespace}.events", lane)
    await commit(apache_kafka, f"{namespace}.upload", lane, metadata(clean=True, paused={"7": 1}))

    await look(apache_kafka, namespace)
    said = await prepare(settings_of(apache_kafka, namespace), creates=True)

    assert [line for line in said.differences if "kafka.namespace" in line] == []


@pytest.mark.parametrize("topic", ["jobs", "outcomes"])
async def test_the_newest_message_of_jobs_and_outcomes_says_who_wrote_last(
    embedded_broker: EmbeddedBroker, namespace: str, topic: str
) -> None:
    """
    On the broker that drops the metadata of commits, too.
    """
    place = f"{namespace}.{topic}"
    await create_topics(embedded_broker, place)
    first, current = b'{"format": 1}', json.dumps({"format": JOB_FORMAT}).encode()

    await look(embedded_broker, namespace)
    await write(embedded_broker, place, current, first)
    with pytest.raises(OtherFormat, match=rf"\(topic {place} says format 1, and"):
        await look(embedded_broker, namespace)
    await write(embedded_broker, place, current)
    await look(embedded_broker, namespace)


async def test_of_all_partitions_the_newest_message_counts(
    embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    place = f"{namespace}.jobs"
    await create_topics(embedded_broker, place, partitions=2)
    current = json.dumps({"format": JOB_FORMAT}).encode()

    async with producing(embedded_broker) as producer:
        await producer.send_and_wait(place, b'{"format": 1}', partition=0, timestamp_ms=1_000)
        await producer.send_and_wait(place, current, partition=1, timestamp_ms=2_000)
        await look(embedded_broker, namespace)
        await producer.send_and_wait(place, b'{"format": 1}', partition=0, timestamp_ms=3_000)

    with pytest.raises(OtherFormat):
        await look(embedded_broker, namespace)


async def test_a_namespace_that_nobody_used_yet_is_taken(
    embedded_broker: EmbeddedBroker, namespace: str
) -> None:
    await look(embedded_broker, namespace)
