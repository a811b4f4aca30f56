"""Short ways to do with a real client what the broker tests ask of every broker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.made_topics import telling_of, until_told
from tests.conftest import Cluster

PATIENCE = 60.0  # a group of the embedded broker was seen to take 18 s to take a member in


@asynccontextmanager
async def administering(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def producing(cluster: Cluster, **options: object) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap_servers, **{"acks": "all", **options}
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def reading(cluster: Cluster, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        heartbeat_interval_ms=1000,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def member(cluster: Cluster, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with reading(cluster, group=f"{topic}.group") as consumer:
        consumer.subscribe([topic])
        yield consumer


async def create_topics(
    cluster: Cluster, *topics: str, partitions: int = 1, settings: dict[str, str] | None = None
) -> list[int]:
    """Create them, until the brokers tell of them; returns the brokers' error code for each."""
    wanted = [NewTopic(topic, partitions, 1, topic_configs=settings or {}) for topic in topics]
    async with administering(cluster) as admin:
        answer = await admin.create_topics(wanted)
        made = [topic for topic, code, *_ in answer.topic_errors if not code]
        brokers = [one["node_id"] for one in (await admin.describe_cluster())["brokers"]]
        await until_told(telling_of(admin, made), brokers)
    return [code for _, code, *_ in answer.topic_errors]


def batch(
    producer: AIOKafkaProducer, values: Sequence[bytes], timestamps: Sequence[int] = ()
) -> object:
    built = producer.create_batch()
    for number, value in enumerate(values):
        timestamp = timestamps[number] if timestamps else None
        assert built.append(key=None, value=value, timestamp=timestamp) is not None
    built.close()
    return built


async def produce_batch(cluster: Cluster, topic: str, values: Sequence[bytes]) -> None:
    async with producing(cluster) as producer:
        await (await producer.send_batch(batch(producer, values), topic, partition=0))


async def take(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    taken: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(PATIENCE):
        while len(taken) < count:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                taken.extend(records)
    return taken


async def records_of(
    cluster: Cluster, *topics: str, count: int
) -> list[ConsumerRecord[bytes, bytes]]:
    async with reading(cluster) as consumer:
        consumer.assign([TopicPartition(topic, 0) for topic in topics])
        return await take(consumer, count)


async def commit_in(cluster: Cluster, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    async with reading(cluster, group=topic) as consumer:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(5, "clean")})


async def committed_offset(
    cluster: Cluster, group: str, partition: TopicPartition
) -> OffsetAndMetadata:
    async with administering(cluster) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=[partition])
        return found[partition]


async def commit_and_read_back(cluster: Cluster, topic: str) -> OffsetAndMetadata:
    await create_topics(cluster, topic)
    await commit_in(cluster, topic)
    return await committed_offset(cluster, topic, TopicPartition(topic, 0))


async def end_after_a_batch_of_five(cluster: Cluster, topic: str) -> int:
    await create_topics(cluster, topic)
    await produce_batch(cluster, topic, [b"1", b"2", b"3", b"4", b"5"])
    partition = TopicPartition(topic, 0)
    async with reading(cluster) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets([partition])
    return ends[partition]


async def offset_for_times(
    cluster: Cluster, namespace: str, timestamps: Sequence[int], at: int
) -> int | None:
    topic = f"{namespace}.{at}"
    await create_topics(cluster, topic, settings={"retention.ms": "-1"})
    async with producing(cluster) as producer:
        for timestamp in timestamps:
            await producer.send_and_wait(topic, b"", partition=0, timestamp_ms=timestamp)
    partition = TopicPartition(topic, 0)
    async with reading(cluster) as consumer:
        found = (await consumer.offsets_for_times({partition: at}))[partition]
    return None if found is None else found.offset


async def trim_to(cluster: Cluster, topic: str, offset: int) -> None:
    await create_topics(cluster, topic)
    await produce_batch(cluster, topic, [b"1", b"2", b"3", b"4", b"5"])
    async with administering(cluster) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)})


async def timestamp_type(cluster: Cluster, topic: str) -> int:
    await create_topics(cluster, topic, settings={"message.timestamp.type": "LogAppendTime"})
    await produce_batch(cluster, topic, [b"1"])
    [record] = await records_of(cluster, topic, count=1)
    kind: int = record.timestamp_type
    return kind


async def error_for_unknown_topic(cluster: Cluster, topic: str) -> int:
    async with administering(cluster) as admin:
        [described] = await admin.describe_topics([topic])
    code: int = described["error_code"]
    return code
