"""Reads topics from a given time on; gives each message as a value of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.kafka.topic_reader import PlacedRecord, TopicReader


@dataclass(frozen=True, slots=True)
class Stored:
    """One message; its repr shows only its topic, partition, offset and time."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None = field(repr=False)
    headers: Mapping[str, bytes] = field(repr=False)
    key: bytes | None = field(default=None, repr=False)


async def read_back(
    reader: TopicReader, topics: Sequence[str], since_ms: int, take: Callable[[Stored], None]
) -> None:
    """Give `take` each message of these topics that was written at or after this time.

    Raises:
        TopicMissing: one of the topics does not exist.
    """
    starts = await reader.since(reader.partitions(*topics), since_ms)
    await reader.read(starts, await reader.ends(starts), lambda record: take(stored(record)))


def stored(record: PlacedRecord) -> Stored:
    """Copy a message into a value of its own."""
    return Stored(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        value=record.value,
        headers=dict(record.headers),
        key=record.key,
    )
