"""Reads the topic of all memberships of a destination, some partitions after others."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.member_record import PARTITIONS
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import FETCH_BYTES, MOST_SILENT_READS, TopicReader
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.ports import TopicUnreadable

READ_RECORDS = 250
"""At once: to make more of them would keep others in the process waiting."""
END_FETCH_BYTES = 1 << 14
"""Enough of each partition to be told where it ends."""


class KafkaMemberTopic:
    """A client of its own for every reading, so that any number may go on at once."""

    def __init__(
        self, client_options: ClientOptions, topic: str, *, partitions: int = PARTITIONS
    ) -> None:
        self._client_options = client_options
        self._topic = topic
        self._partitions = partitions

    @property
    def partitions(self) -> int:
        return self._partitions

    async def ends(self) -> Sequence[int]:
        """As a fetch says it, right before the end: named alone, it may be one too low."""
        everything = self._everything()
        with _translated(self._topic):
            async with self._reader(END_FETCH_BYTES) as reader:
                oldest = await reader.oldest(everything)
                named = await reader.named_ends(everything)
                starts = {tp: max(oldest[tp], named[tp] - 1) for tp in everything}
                ends = await reader.ends(starts)
        return [ends[tp] for tp in everything]

    async def begins(self) -> Sequence[int]:
        everything = self._everything()
        with _translated(self._topic):
            async with self._reader() as reader:
                oldest = await reader.oldest(everything)
        return [oldest[tp] for tp in everything]

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[Record], None]:
        tp = TopicPartition(self._topic, partition)
        with _translated(self._topic):
            async with self._reader() as reader:
                position, silent = max(start, (await reader.oldest([tp]))[tp]), 0
                while position < end:
                    stretch = await reader.stretch(tp, position, READ_RECORDS)
                    silent = 0 if stretch.end > position else silent + 1
                    if silent == MOST_SILENT_READS:
                        raise TopicUnreadable(f"{tp.topic}: the brokers hand out no more records")
                    position = stretch.end
                    records = [one for one in stretch.records if one.offset < end]
                    if records:
                        yield records

    def _everything(self) -> Sequence[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in range(self._partitions)]

    def _reader(self, fetch_bytes: int = FETCH_BYTES) -> TopicReader:
        return TopicReader(self._client_options, committed_only=True, fetch_bytes=fetch_bytes)


@contextmanager
def _translated(topic: str) -> Iterator[None]:
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise TopicUnreadable(f"{topic}: {type(error).__name__}") from error
    except ClusterTrouble as error:
        raise TopicUnreadable(f"{topic}: {error}") from error
