"""What the brokers say of the topics of lanes: how far they are settled, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.offset_resolver import Said, read_metadata

ANSWER_WAIT_MS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneTopicFacts:
    """One lane's topic."""

    topic: str
    committed: int | None
    """None: nobody has served the lane yet, or so long ago that its offset was forgotten."""
    end: int
    waiting: int
    """Offsets between the two. Markers of transactions count, so it may be more than there are
    records; it is 0 where no record is left."""
    oldest_ms: int | None
    """When the oldest of them was written."""
    said: Said | None
    """What the last commit said of requests and of paused audiences, if it can be read."""


async def look_at(
    admin: AIOKafkaAdminClient,
    client_options: ClientOptions,
    topics: Sequence[str],
    *,
    group: str,
    read_committed: bool,
) -> Sequence[LaneTopicFacts]:
    """Everything about these topics; changes nothing.

    Raises:
        aiokafka.errors.KafkaError: a broker went away meanwhile.
    """
    tps = [TopicPartition(topic, 0) for topic in topics]
    if not tps:
        return []
    stored = await admin.list_consumer_group_offsets(group, partitions=tps)
    if not stored.keys() >= set(tps):
        # An answer with an error in it: the library passes over that.
        raise kafka_errors.GroupCoordinatorNotAvailableError(group)
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if read_committed else "read_uncommitted",
        **client_options.arguments(),
    )
    try:
        await consumer.start()
        consumer.assign(tps)
        oldest = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        return [await _look(consumer, tp, stored[tp], oldest[tp], ends[tp]) for tp in tps]
    finally:
        await closing.stop(consumer)


async def _look(
    consumer: AIOKafkaConsumer, tp: TopicPartition, stored: OffsetAndMetadata, oldest: int, end: int
) -> LaneTopicFacts:
    committed = None if stored.offset < 0 else int(stored.offset)
    start = max(oldest, committed or 0)
    consumer.seek(tp, start)
    try:
        fetched = await consumer.getmany(tp, timeout_ms=ANSWER_WAIT_MS, max_records=1)
    except kafka_errors.OffsetOutOfRangeError:
        fetched = {}
    records = fetched.get(tp, ())
    # The embedded broker names an end that is too low; that of a fetch is right.
    end = max(end, consumer.highwater(tp) or 0)
    return LaneTopicFacts(
        topic=str(tp.topic),
        committed=committed,
        end=end,
        waiting=max(0, end - start) if records else 0,
        oldest_ms=records[0].timestamp if records else None,
        said=read_metadata(stored.metadata or ""),
    )
