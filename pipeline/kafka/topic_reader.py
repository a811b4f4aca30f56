"""Reads topics back, from a place to their end as it is now; joins no group, commits nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import TRY_AGAIN_SECONDS, ClusterTrouble, admin_client
from pipeline.kafka.coordinator import Committed, Coordinator
from pipeline.kafka.topics import Topics
from pipeline.stages.ports import Record

READ_WAIT_MS = 1000
MOST_SILENT_READS = 15
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


@dataclass(frozen=True, slots=True)
class Stored:
    """One message; its repr shows only where it stands."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None = field(repr=False)
    headers: Mapping[str, bytes] = field(repr=False)


class TopicReader:
    """Reads what stands in topics, as one look at them.

    Every method raises `aiokafka.errors.KafkaError` where the cluster fails in the middle, which
    `reading` turns into `ClusterTrouble`.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        consumer: AIOKafkaConsumer,
        topics: Mapping[str, int],
        *,
        committed_only: bool,
    ) -> None:
        self._client_options = client_options
        self._consumer = consumer
        self._committed_only = committed_only
        self.topics = topics
        """Every topic of the cluster with its number of partitions."""

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

    async def oldest(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Where each partition begins."""
        return dict(await self._consumer.beginning_offsets(partitions)) if partitions else {}

    async def since(
        self, partitions: Sequence[TopicPartition], since_ms: int
    ) -> Mapping[TopicPartition, int]:
        """The first offsets written at or after this time; absent where there is none.

        The embedded broker knows no times, and says 0.
        """
        if not partitions:
            return {}
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
        await asking.start()
        try:
            return await _asked(Coordinator(asking, group), partitions)
        finally:
            await closing.stop(asking)

    async def ends(self, starts: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Where partitions end now, for readers that begin there.

        As a fetch says it: asked for the end alone, the embedded broker names one too low.
        """
        ends: dict[TopicPartition, int] = {}
        if starts:
            self._assign(starts)
        silent = 0
        while len(ends) < len(starts):
            await self._consumer.getmany(timeout_ms=READ_WAIT_MS, max_records=1)
            known = len(ends)
            for tp in starts.keys() - ends.keys():
                end = self._end(tp)
                if end is not None:
                    ends[tp] = end
                    self._consumer.pause(tp)
            silent = 0 if len(ends) > known else silent + 1
            _check(silent)
        return ends

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
            batches = await self._consumer.getmany(timeout_ms=READ_WAIT_MS)
            silent = 0 if batches else silent + 1
            _check(silent)
            for tp, records in batches.items():
                for record in records:
                    if record.offset < ends[tp]:
                        take(record)

    def _assign(self, starts: Mapping[TopicPartition, int]) -> None:
        self._consumer.assign(list(starts))
        for tp, start in starts.items():
            self._consumer.seek(tp, start)

    def _end(self, tp: TopicPartition) -> int | None:
        if self._committed_only:
            end: int | None = self._consumer.last_stable_offset(tp)
            return end
        highest: int | None = self._consumer.highwater(tp)
        return highest


@asynccontextmanager
async def reading(
    client_options: ClientOptions, *, committed_only: bool, patience: float
) -> AsyncIterator[TopicReader]:
    """A reader, once the cluster answers; without `committed_only` it sees aborted records too.

    Raises:
        ClusterTrouble: it did not within `patience` seconds, or stopped answering.
    """
    async with admin_client(client_options, patience) as admin:
        topics = await Topics(admin, None).partitions()
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        **client_options.arguments(),
    )
    try:
        await consumer.start()
        yield TopicReader(client_options, consumer, topics, committed_only=committed_only)
    except kafka_errors.OffsetOutOfRangeError as error:
        raise ClusterTrouble("kafka: records left while they were read; try again") from error
    except kafka_errors.KafkaError as error:
        raise ClusterTrouble(
            f"kafka.bootstrap_servers: {client_options.bootstrap_servers} failed in the middle "
            f"({type(error).__name__}); try again"
        ) from error
    finally:
        await closing.stop(consumer)


async def read_back(
    reader: TopicReader, topics: Sequence[str], since_ms: int, take: Callable[[Stored], None]
) -> None:
    """Hand over every message of these topics that was written at or after this time.

    Raises:
        TopicMissing: one of them does not exist.
    """
    starts = await reader.since(reader.partitions(*topics), since_ms)
    await reader.read(starts, await reader.ends(starts), lambda record: take(stored(record)))


def stored(record: PlacedRecord) -> Stored:
    """The message as a value of its own."""
    return Stored(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        value=record.value,
        headers=dict(record.headers),
    )


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


async def were_written(client_options: ClientOptions, topics: Sequence[str]) -> bool:
    """Whether a record was ever written to one of these topics, gone or not.

    Raises `aiokafka.errors.KafkaError` when that cannot be learned.
    """
    admin = AIOKafkaAdminClient(**client_options.arguments())
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **client_options.arguments())
    try:
        await admin.start()
        existing = await Topics(admin, None).partitions()
        await consumer.start()
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in range(existing.get(topic, 0))
        ]
        return any((await consumer.end_offsets(partitions)).values())
    finally:
        await closing.stop(consumer)
        await admin.close()
