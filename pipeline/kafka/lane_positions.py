"""Asks the brokers how far the topics of lanes are settled, and how much waits."""

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
    """The facts of one lane's topic."""

    topic: str
    committed: int | None
    """None: no process has served the lane yet, or the brokers forgot its offset."""
    end: int
    waiting: int
    """Offsets between `committed` and `end`; 0 where no record is left. Markers of transactions
    count, so there may be fewer records."""
    oldest_ms: int | None
    """When the oldest waiting record was written."""
    said: Said | None
    """What the last commit says about requests and paused audiences, if it can be read."""


async def look_at(
    admin: AIOKafkaAdminClient,
    client_options: ClientOptions,
    topics: Sequence[str],
    *,
    group: str,
    read_committed: bool,
    looks_inside: bool = True,
) -> Sequence[LaneTopicFacts]:
    """Return the facts of these topics; changes nothing.

    Without `looks_inside` the time of the oldest record stays unknown, and `waiting` may count
    only markers of transactions.

    Raises:
        aiokafka.errors.KafkaError: a broker went away meanwhile.
    """
    tps = [TopicPartition(topic, 0) for topic in topics]
    if not tps:
        return []
    stored = await admin.list_consumer_group_offsets(group, partitions=tps)
    if not stored.keys() >= set(tps):
        # The answer has an error in it, which the library ignores.
        raise kafka_errors.GroupCoordinatorNotAvailableError(group)
    async with TopicReader(client_options, committed_only=read_committed) as reader:
        oldest = await reader.oldest(tps)
        ends = await reader.named_ends(tps)
        starts = {tp: max(oldest[tp], stored[tp].offset) for tp in tps}
        # The embedded broker names an end that is too low; the end of a fetch is right. A fetch
        # from behind the end would fail: then the topic was made anew.
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
