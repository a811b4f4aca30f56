"""Whether ingest has caught up, as real brokers and a real group say it."""

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from pipeline.kafka.ingest_backlog import IngestBacklog
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.kafka_clients import create_topics, producing, trim_to


async def carried(cluster: Cluster, group: str, topic: str, offsets: dict[int, int]) -> None:
    """What ingest commits: behind the last record that it has carried."""
    places = {TopicPartition(topic, number): offset for number, offset in offsets.items()}
    consumer = AIOKafkaConsumer(
        group_id=group, enable_auto_commit=False, **connection(cluster).arguments()
    )
    await consumer.start()
    try:
        consumer.assign(list(places))
        await consumer.commit(places)
    finally:
        await consumer.stop()


def backlog(cluster: Cluster, namespace: str) -> IngestBacklog:
    return IngestBacklog(
        connection(cluster), group=f"{namespace}.ingest", sources=[f"{namespace}.cdp"]
    )


async def test_it_is_worked_off_once_every_record_that_stood_there_is_carried(
    cluster: Cluster, namespace: str
) -> None:
    """What comes after the first look is no part of it."""
    topic, group = f"{namespace}.cdp", f"{namespace}.ingest"
    await create_topics(cluster, topic, partitions=2)
    async with producing(cluster) as producer:
        for number in (0, 0, 1):
            await producer.send_and_wait(topic, b"event", partition=number)
        looked_at = backlog(cluster, namespace)
        seen = [await looked_at.is_worked_off()]
        await producer.send_and_wait(topic, b"later", partition=1)
    await carried(cluster, group, topic, {0: 1, 1: 1})
    seen.append(await looked_at.is_worked_off())
    await carried(cluster, group, topic, {0: 2, 1: 1})
    seen.append(await looked_at.is_worked_off())

    assert seen == [False, False, True]


@pytest.mark.kafka
async def test_what_stands_behind_the_last_record_is_nothing_to_carry(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    Behind the records of a transaction stands a marker, and behind an aborted one records that
    nobody sees: a source that is idle from then on would keep every first snapshot waiting.
    """
    topic, group = f"{namespace}.cdp", f"{namespace}.ingest"
    await create_topics(apache_kafka, topic, partitions=2)
    async with producing(apache_kafka, transactional_id=f"{namespace}.upstream") as producer:
        async with producer.transaction():
            await producer.send_and_wait(topic, b"event", partition=0)
            await producer.send_and_wait(topic, b"event", partition=1)
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"aborted", partition=1)
        await producer.abort_transaction()
    looked_at = backlog(apache_kafka, namespace)
    seen = [await looked_at.is_worked_off()]
    await carried(apache_kafka, group, topic, {0: 1})
    seen.append(await looked_at.is_worked_off())
    await carried(apache_kafka, group, topic, {0: 1, 1: 1})
    seen.append(await looked_at.is_worked_off())

    assert seen == [False, False, True]


@pytest.mark.kafka
async def test_what_has_left_its_topic_is_nothing_to_carry(
    apache_kafka: Cluster, namespace: str
) -> None:
    """It is lost already, which ingest says by itself."""
    topic, group = f"{namespace}.cdp", f"{namespace}.ingest"
    await create_topics(apache_kafka, topic)
    async with producing(apache_kafka) as producer:
        for _ in range(3):
            await producer.send_and_wait(topic, b"event", partition=0)
    await carried(apache_kafka, group, topic, {0: 1})
    looked_at = backlog(apache_kafka, namespace)
    seen = [await looked_at.is_worked_off()]
    await trim_to(apache_kafka, topic, 3)
    seen.append(await looked_at.is_worked_off())

    assert seen == [False, True]
