"""Reads our own topics back, from a point in time to their end as it is now; commits nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.adapters.kafka.cluster import ClusterTrouble, admin_client
from pipeline.adapters.kafka.topics import Topics
from pipeline.app.cluster import connection
from pipeline.app.commands.ending import CommandTrouble
from pipeline.app.settings.kafka import KafkaSettings

READ_WAIT_MS = 1000
MOST_SILENT_READS = 15


@dataclass(frozen=True, slots=True)
class Stored:
    """One message; its repr shows only where it stands."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None = field(repr=False)
    headers: Mapping[str, bytes] = field(repr=False)


async def read_back(
    kafka: KafkaSettings, topics: Sequence[str], since_ms: int, take: Callable[[Stored], None]
) -> None:
    """Hand over every message that was written at or after this time.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or stopped answering.
        CommandTrouble: one of the topics does not exist.
    """
    partitions = await _partitions(kafka, topics)
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if kafka.exactly_once else "read_uncommitted",
        **connection(kafka).options(),
    )
    try:
        await consumer.start()
        await _read(consumer, partitions, since_ms, take)
    except kafka_errors.KafkaError as error:
        raise ClusterTrouble(
            f"kafka.bootstrap_servers: {kafka.bootstrap_servers} failed in the middle "
            f"({type(error).__name__}); try again"
        ) from error
    finally:
        await consumer.stop()


async def _partitions(kafka: KafkaSettings, topics: Sequence[str]) -> list[TopicPartition]:
    async with admin_client(connection(kafka), kafka.startup_timeout_seconds) as admin:
        counts = await Topics(admin, None).partitions()
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise CommandTrouble(
            f"kafka.namespace: topic {missing[0]} does not exist at {kafka.bootstrap_servers}: no "
            "run has made it yet, or the namespace is another"
        )
    return [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]


async def _read(
    consumer: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    since_ms: int,
    take: Callable[[Stored], None],
) -> None:
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.offsets_for_times(dict.fromkeys(partitions, max(0, since_ms)))
    wanted = [tp for tp in partitions if starts.get(tp) and starts[tp].offset < ends[tp]]
    consumer.assign(wanted)
    for tp in wanted:
        consumer.seek(tp, starts[tp].offset)
    silent = 0
    while [tp for tp in wanted if await consumer.position(tp) < ends[tp]]:
        batches = await consumer.getmany(timeout_ms=READ_WAIT_MS)
        silent = 0 if batches else silent + 1
        if silent == MOST_SILENT_READS:
            raise ClusterTrouble("kafka: the brokers hand out no more records; try again")
        for records in batches.values():
            for record in records:
                take(_stored(record))


def _stored(record: ConsumerRecord) -> Stored:
    return Stored(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        value=record.value,
        headers=dict(record.headers),
    )
