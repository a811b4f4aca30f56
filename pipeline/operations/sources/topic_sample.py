"""The newest messages of an upstream topic, read beside the groups that work on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.configuration.kafka import KafkaSettings
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import PlacedRecord
from pipeline.operations.cluster_setup import reader
from pipeline.settings.problems import suggestion


@dataclass(frozen=True, slots=True)
class Sample:
    """Messages of one topic, each partition in its order."""

    topic: str
    partitions: int
    messages: Sequence[PlacedRecord]

    def __repr__(self) -> str:
        return f"<Sample of {self.topic}, {len(self.messages)} messages>"


async def newest(kafka: KafkaSettings, topic: str, count: int) -> Sample:
    """About the newest so many messages, spread over the partitions.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or there is no such topic.
    """
    async with reader(kafka) as open_reader:
        known = open_reader.topics
        if topic not in known:
            raise ClusterTrouble(
                f"topic {topic!r} does not exist at {kafka.bootstrap_servers}; "
                f"{suggestion(topic, sorted(known))}"
            )
        partitions = open_reader.partitions(topic)
        oldest = await open_reader.oldest(partitions)
        ends = await open_reader.ends(oldest)
        each = -(-count // max(1, len(partitions)))
        starts = {tp: max(oldest[tp], ends[tp] - each) for tp in partitions}
        messages: list[PlacedRecord] = []
        await open_reader.read(starts, ends, messages.append)
    return Sample(topic, len(partitions), messages)
