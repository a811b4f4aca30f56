"""The one way to read topics outside a group: joins none, commits nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import (
    TRY_AGAIN_SECONDS,
    ClusterTrouble,
    admin_client,
    left_in_the_middle,
)
from pipeline.kafka.coordinator import Committed, Coordinator
from pipeline.kafka.internals import client_of, know_topics
from pipeline.kafka.topics import Topics
from pipeline.stages.ports import Record, Stretch

LOOK_MS = 50
LOOKS = 20
"""So many looks are a second's wait for records."""
MOST_SILENT_READS = 15
FETCH_BYTES = 1 << 20
"""Of one partition at once, as the client has it; a larger batch comes alone."""
MOST_QUESTIONS = 5
"""A coordinator that moves or loads is asked again."""


class TopicMissing(ClusterTrouble):
    """A topic that is to be read does not exist."""


class PlacedRecord(Record, Protocol):
    """A message and where it stands."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...


Take = Callable[[PlacedRecord], None]


class TopicReader:
    """Reads partitions from places that its user names; used in `async with`.

    One that does not see aborted records is `committed_only`. Every method raises
    `aiokafka.errors.KafkaError` where the cluster fails; then the reader is closed and a new one is
    made. `reading` turns that into `ClusterTrouble`.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        committed_only: bool,
        topics: Mapping[str, int] | None = None,
        fetch_bytes: int = FETCH_BYTES,
    ) -> None:
        self._client_options = client_options
        self._committed_only = committed_only
        self._consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            max_partition_fetch_bytes=fetch_bytes,
            **client_options.arguments(),
        )
        self._places: dict[TopicPartition, int] = {}
        """Where the client stands, of the partitions that it has."""
        self.topics = topics or {}
        """Every topic of the cluster with its number of partitions, where that was looked up."""

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await closing.stop(self._consumer)

    # Places

    def partitions(self, *topics: str) -> Sequence[TopicPartition]:
        """All partitions of these topics.

        Raises:
            TopicMissing: one of them does not exist.
        """
        for topic in topics:
            if topic not in self.topics:
                raise TopicMissing(
                    f"kafka.namespace: topic {topic} does not exist at "
                    f"{self._client_options.bootstrap_servers}: no run has made it yet, or the "
                    "namespace is another"
                )
        return [TopicPartition(topic, n) for topic in topics for n in range(self.topics[topic])]

    async def oldest(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where each partition begins."""
        await self._know_leaders(partitions)
        return dict(await self._consumer.beginning_offsets(partitions)) if partitions else {}

    async def named_ends(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Where each partition ends as the broker names it: the embedded one names it too low."""
        await self._know_leaders(partitions)
        return dict(await self._consumer.end_offsets(partitions)) if partitions else {}

    async def since(
        self, partitions: Collection[TopicPartition], since_ms: int
    ) -> Mapping[TopicPartition, int]:
        """The first offsets written at or after this time; absent where there is none.

        The embedded broker knows no times, and says 0.
        """
        if not partitions:
            return {}
        await self._know_leaders(partitions)
        times = dict.fromkeys(partitions, max(0, since_ms))
        found = await self._consumer.offsets_for_times(times)
        return {tp: at.offset for tp, at in found.items() if at is not None}

    async def committed(
        self, group: str, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Committed]:
        """Where a group goes on, and what it said beside that; absent where it has not begun.

        Asked without joining it, and believed only from an answer without errors.
        """
        if not partitions:
            return {}
        asking = AIOKafkaConsumer(
            group_id=group, enable_auto_commit=False, **self._client_options.arguments()
        )
        try:
            await asking.start()
            return await _asked(Coordinator(asking, group), partitions)
        finally:
            await closing.stop(asking)

    def end(self, tp: TopicPartition) -> int | None:
        """Where a partition ended when it was last fetched; None before that."""
        if tp not in self._places:
            return None
        end: int | None = (
            self._consumer.last_stable_offset(tp)
            if self._committed_only
            else self._consumer.highwater(tp)
        )
        return end

    def written(self, tp: TopicPartition) -> int:
        """Where the partition ended at its last fetch, with what is not committed yet; or 0."""
        return int(self._consumer.highwater(tp) or 0)

    async def ends(self, starts: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Where partitions end now, for readers that begin there.

        As a fetch says it: asked for the end alone, the embedded broker names one too low.
        """
        ends: dict[TopicPartition, int] = {}
        if starts:
            self._assign(starts)
        silent = 0
        while len(ends) < len(starts):
            # Right before an end there is often a marker: it wakes nobody here, either.
            await self._consumer.getmany(timeout_ms=LOOK_MS, max_records=1)
            known = len(ends)
            for tp in starts.keys() - ends.keys():
                end = self.end(tp)
                if end is not None:
                    ends[tp] = end
                    self._consumer.pause(tp)
            silent = 0 if len(ends) > known else silent + 1
            _check(silent // LOOKS)
        # They are paused, and have moved.
        self._places.clear()
        return ends

    # Records

    async def stretch(self, tp: TopicPartition, offset: int, most: int | None = None) -> Stretch:
        """What stands in one partition from this offset on, at most so many records.

        Waits a second for some. Its end lies behind the markers of transactions that were passed.
        Raises `OffsetOutOfRangeError` where the offset is gone or was never there.
        """
        if tp not in self._places:
            self._assign({tp: offset})
        elif self._places[tp] != offset:
            self._consumer.seek(tp, offset)
        records: Sequence[PlacedRecord] = ()
        end = offset
        # A marker wakes nobody who waits for records, so look now and then whether one was passed.
        for _ in range(LOOKS):
            fetched = await self._consumer.getmany(tp, timeout_ms=LOOK_MS, max_records=most)
            records = fetched.get(tp, ())
            end = records[-1].offset + 1 if records else int(await self._consumer.position(tp))
            if end > offset:
                break
        self._places[tp] = end
        return Stretch(records, end)

    async def read(
        self,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        take: Take,
    ) -> None:
        """Hand over every message from the starts to before the ends, each partition in order."""
        wanted = {tp: start for tp, start in starts.items() if start < ends[tp]}
        if not wanted:
            # Assigned nothing, the client's fetcher never hears that it is to stop.
            return
        self._assign(wanted)
        silent = 0
        while [tp for tp in wanted if await self._consumer.position(tp) < ends[tp]]:
            batches = await self._consumer.getmany(timeout_ms=LOOK_MS)
            silent = 0 if batches else silent + 1
            _check(silent // LOOKS)
            for tp, records in batches.items():
                for record in records:
                    if record.offset < ends[tp]:
                        take(record)
        self._places.clear()

    def rest(self) -> None:
        """Fetch nothing until the next call that reads."""
        self._consumer.pause(*self._consumer.assignment())
        self._places.clear()

    async def _know_leaders(self, partitions: Collection[TopicPartition]) -> None:
        await know_topics(client_of(self._consumer), {tp.topic for tp in partitions})

    def _assign(self, starts: Mapping[TopicPartition, int]) -> None:
        self._consumer.assign(list(starts))
        self._places = dict(starts)
        for tp, start in starts.items():
            self._consumer.seek(tp, start)


@asynccontextmanager
async def reading(
    client_options: ClientOptions, *, committed_only: bool, patience: float
) -> AsyncIterator[TopicReader]:
    """A reader that knows the topics, once the cluster answers.

    Raises:
        ClusterTrouble: it did not within `patience` seconds, or stopped answering.
    """
    async with admin_client(client_options, patience) as admin:
        topics = await Topics(admin, None).partitions()
    made = TopicReader(client_options, committed_only=committed_only, topics=topics)
    try:
        async with made as reader:
            yield reader
    except kafka_errors.OffsetOutOfRangeError as error:
        raise ClusterTrouble("kafka: records left while they were read; try again") from error
    except kafka_errors.KafkaError as error:
        raise left_in_the_middle(client_options, error) from error


async def _asked(
    coordinator: Coordinator, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, Committed]:
    for _ in range(MOST_QUESTIONS - 1):
        try:
            return await coordinator.committed(partitions)
        except kafka_errors.KafkaError:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
    return await coordinator.committed(partitions)


def _check(silent: int) -> None:
    if silent >= MOST_SILENT_READS:
        raise ClusterTrouble("kafka: the brokers hand out no more records; try again")
