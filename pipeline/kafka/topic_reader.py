"""Reads topics without a group: joins none, commits nothing. All such readers use it."""

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
"""So many looks make a wait of one second for records."""
MOST_SILENT_READS = 15
FETCH_BYTES = 1 << 20
"""Bytes of one partition in one fetch, the client's default; a larger batch comes alone."""
MOST_QUESTIONS = 5
"""Most questions to a coordinator, which may be moving or loading."""


class TopicMissing(ClusterTrouble):
    """A topic that should be read does not exist."""


class PlacedRecord(Record, Protocol):
    """A message with its topic and partition."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...


Take = Callable[[PlacedRecord], None]


class TopicReader:
    """Reads partitions from given offsets; use it in `async with`.

    With `committed_only` it skips aborted and uncommitted records. Every method raises
    `aiokafka.errors.KafkaError` if the cluster fails; then close the reader and make a new one.
    `reading` turns that error into `ClusterTrouble`.
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
        """The client's positions in its assigned partitions."""
        self.topics = topics or {}
        """Every topic of the cluster with its number of partitions; empty if not looked up."""

    async def __aenter__(self) -> Self:
        await closing.start_or_close(self._consumer, closing.stop)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await closing.stop(self._consumer)

    # Places

    def partitions(self, *topics: str) -> Sequence[TopicPartition]:
        """Return all partitions of these topics.

        Raises:
            TopicMissing: one of the topics does not exist.
        """
        for topic in topics:
            if topic not in self.topics:
                raise TopicMissing(
                    f"kafka.namespace: topic {topic} does not exist at "
                    f"{self._client_options.bootstrap_servers}: no run has made it yet, or the "
                    "namespace is wrong"
                )
        return [TopicPartition(topic, n) for topic in topics for n in range(self.topics[topic])]

    async def oldest(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the oldest offset of each partition."""
        await self._know_leaders(partitions)
        return dict(await self._consumer.beginning_offsets(partitions)) if partitions else {}

    async def named_ends(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Return the end of each partition that the broker names; the embedded one's is too low."""
        await self._know_leaders(partitions)
        return dict(await self._consumer.end_offsets(partitions)) if partitions else {}

    async def since(
        self, partitions: Collection[TopicPartition], since_ms: int
    ) -> Mapping[TopicPartition, int]:
        """Return the first offsets written at or after this time; absent where there is none.

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
        """Return the commits of a group, without joining it; absent where there is none.

        Only an answer without errors counts.
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
        """Return the end of a partition at its last fetch; None before the first one."""
        if tp not in self._places:
            return None
        end: int | None = (
            self._consumer.last_stable_offset(tp)
            if self._committed_only
            else self._consumer.highwater(tp)
        )
        return end

    def written(self, tp: TopicPartition) -> int:
        """Return the end at the last fetch, with uncommitted records; 0 before the first one."""
        return int(self._consumer.highwater(tp) or 0)

    async def ends(self, starts: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Return the present ends of partitions, found by fetches from these starts.

        Only a fetch shows the right end: the embedded broker names one that is too low.
        """
        ends: dict[TopicPartition, int] = {}
        if starts:
            self._assign(starts)
        silent = 0
        while len(ends) < len(starts):
            # Right before an end there is often a marker, which does not end this wait.
            await self._consumer.getmany(timeout_ms=LOOK_MS, max_records=1)
            known = len(ends)
            for tp in starts.keys() - ends.keys():
                end = self.end(tp)
                if end is not None:
                    ends[tp] = end
                    self._consumer.pause(tp)
            silent = 0 if len(ends) > known else silent + 1
            _check(silent // LOOKS)
        # The partitions are paused, and their positions have moved.
        self._places.clear()
        return ends

    # Records

    async def stretch(self, tp: TopicPartition, offset: int, most: int | None = None) -> Stretch:
        """Return records of one partition from this offset on, at most `most`.

        Waits up to a second for them. The end of the stretch is behind the markers of transactions
        that were passed. Raises `OffsetOutOfRangeError` if the offset does not exist.
        """
        if tp not in self._places:
            self._assign({tp: offset})
        elif self._places[tp] != offset:
            self._consumer.seek(tp, offset)
        records: Sequence[PlacedRecord] = ()
        end = offset
        # A marker does not end a wait for records, so check now and then whether one was passed.
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
        """Give `take` each message from the starts to before the ends, each partition in order."""
        wanted = {tp: start for tp, start in starts.items() if start < ends[tp]}
        if not wanted:
            # With an empty assignment the client's fetcher would never stop.
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
        """Fetch nothing until the next reading call."""
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
    """Yield a reader that knows the topics, once the cluster answers.

    Raises:
        ClusterTrouble: the cluster did not answer within `patience` seconds, or stopped.
    """
    async with admin_client(client_options, patience) as admin:
        topics = await Topics(admin, None).partitions()
    made = TopicReader(client_options, committed_only=committed_only, topics=topics)
    try:
        async with made as reader:
            yield reader
    except kafka_errors.OffsetOutOfRangeError as error:
        raise ClusterTrouble("kafka: records were deleted while we read them; try again") from error
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
