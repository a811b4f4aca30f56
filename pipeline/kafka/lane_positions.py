"""What the brokers say of the topics of lanes: how far they are settled, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.offset_resolver import Said, read_metadata
from pipeline.kafka.topic_reader import TopicReader


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
    looks_inside: bool = True,
) -> Sequence[LaneTopicFacts]:
    """Everything about these topics; changes nothing.

    Unless it looks inside, nobody knows when the oldest was written, nor whether what waits is
    nothing but markers of transactions.

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
    async with TopicReader(client_options, committed_only=read_committed) as reader:
        oldest = await reader.oldest(tps)
        ends = await reader.named_ends(tps)
        starts = {tp: max(oldest[tp], stored[tp].offset) for tp in tps}
        # The embedded broker names an end that is too low; that of a fetch is right. An offset
        # behind the end cannot be fetched from: its topic was made anew.
        fetched = await reader.ends({tp: min(starts[tp], ends[tp]) for tp in tps})
        return [
            await _look(reader, tp, stored[tp], starts[tp], max(ends[tp], fetched[tp]))
            if looks_inside
            else _facts(tp, stored[tp], starts[tp], max(ends[tp], fetched[tp]), None)
            for tp in tps
        ]


async def _look(
    reader: TopicReader, tp: TopicPartition, stored: OffsetAndMetadata, start: int, end: int
) -> LaneTopicFacts:
    records = (await reader.stretch(tp, start, 1)).records if start < end else ()
    if not records:
        return _facts(tp, stored, end, end, None)
    return _facts(tp, stored, start, end, records[0].timestamp)


def _facts(
    tp: TopicPartition, stored: OffsetAndMetadata, start: int, end: int, oldest_ms: int | None
) -> LaneTopicFacts:
    return LaneTopicFacts(
        topic=str(tp.topic),
        committed=None if stored.offset < 0 else int(stored.offset),
        end=end,
        waiting=max(0, end - start),
        oldest_ms=oldest_ms,
        said=read_metadata(stored.metadata or ""),
    )
