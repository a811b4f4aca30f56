"""Reads the topic of all memberships of a destination, one partition at a time."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Self

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.member_record import PARTITIONS
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topic_reader import FETCH_BYTES, MOST_SILENT_READS, TopicReader
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.members_trouble import Bounds
from pipeline.stages.snapshot.ports import TopicLook, TopicUnreadable

READ_RECORDS = 50
"""Records of one fetch, as many as a pass takes at once; more would make other tasks wait."""
END_FETCH_BYTES = 1 << 14
"""Bytes of a fetch that only finds the end of a partition."""


class KafkaMemberTopic:
    """Use it in `async with`, or close it at the end. Several readings may go on at once.

    Each reading has its own client. After a good reading the client is kept for the next one,
    because the follower of changes reads 64 partitions every few seconds.
    """

    def __init__(
        self, client_options: ClientOptions, topic: str, *, partitions: int = PARTITIONS
    ) -> None:
        self._client_options = client_options
        self._topic = topic
        self._partitions = partitions
        self._idle: dict[int, list[TopicReader]] = {FETCH_BYTES: [], END_FETCH_BYTES: []}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all kept clients; no reading may go on."""
        async with AsyncExitStack() as stack:
            for readers in self._idle.values():
                while readers:
                    stack.push_async_callback(readers.pop().close)

    @property
    def partitions(self) -> int:
        return self._partitions

    async def ends(self) -> Sequence[int]:
        return (await self.look()).ends

    async def look(self) -> TopicLook:
        """Return the ends, and the partitions with uncommitted records behind their end."""
        return (await self._look())[1]

    async def bounds(self) -> Sequence[Bounds]:
        """Return the oldest offset and the end of every partition."""
        oldest, look = await self._look()
        return [Bounds(*both) for both in zip(oldest, look.ends, strict=True)]

    async def _look(self) -> tuple[Sequence[int], TopicLook]:
        """Find the ends by a fetch right before them: an end that a broker names may be too low."""
        everything = [TopicPartition(self._topic, number) for number in range(self._partitions)]
        async with self._reader(END_FETCH_BYTES) as reader:
            oldest = await reader.oldest(everything)
            named = await reader.named_ends(everything)
            starts = {tp: max(oldest[tp], named[tp] - 1) for tp in everything}
            ends = await reader.ends(starts)
            with_more = [tp.partition for tp in everything if reader.written(tp) > ends[tp]]
        look = TopicLook([ends[tp] for tp in everything], with_more)
        return [oldest[tp] for tp in everything], look

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[Record], None]:
        tp = TopicPartition(self._topic, partition)
        async with self._reader(FETCH_BYTES) as reader:
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

    @asynccontextmanager
    async def _reader(self, fetch_bytes: int) -> AsyncIterator[TopicReader]:
        """Yield a reader for one reading; keep it if the reading ends well, otherwise close it."""
        idle = self._idle[fetch_bytes]
        with _translated(self._topic):
            async with AsyncExitStack() as stack:
                if idle:
                    reader = idle.pop()
                    stack.push_async_callback(reader.close)
                else:
                    reader = await stack.enter_async_context(self._new_reader(fetch_bytes))
                yield reader
                stack.pop_all()
        reader.rest()
        idle.append(reader)

    def _new_reader(self, fetch_bytes: int) -> TopicReader:
        return TopicReader(self._client_options, committed_only=True, fetch_bytes=fetch_bytes)


@contextmanager
def _translated(topic: str) -> Iterator[None]:
    try:
        yield
    except kafka_errors.KafkaError as error:
        raise TopicUnreadable(f"{topic}: {type(error).__name__}") from error
    except ClusterTrouble as error:
        raise TopicUnreadable(f"{topic}: {error}") from error
