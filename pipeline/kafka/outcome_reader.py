"""Reads from the outcomes topic which jobs have ended: what stands there, and what comes."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka import closing
from pipeline.kafka.client_options import ClientOptions

READ_RECORDS = 5000
READ_WAIT_MS = 1000
TRY_AGAIN_SECONDS = 0.5
REMEMBERED = 200_000
"""Ids at most, the newest; a job whose end is older than these is asked for once more."""

log = structlog.get_logger(__name__)


class KafkaOutcomeReader:
    """Outcomes lie in the partition of their jobs: same key, same partitioner, same count."""

    def __init__(self, client_options: ClientOptions, topic: str) -> None:
        self._client_options = client_options
        self._topic = topic

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        """Ids of jobs of this partition whose outcome was written at or after this time."""
        while True:
            try:
                return await self._ended(TopicPartition(self._topic, partition), since_ms)
            except kafka_errors.KafkaError as error:
                log.warning("outcomes not read", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def follow(self, partition: int) -> AsyncGenerator[Sequence[str], None]:
        """Ids as their outcomes are written; a broker that is away is waited for."""
        tp = TopicPartition(self._topic, partition)
        position: int | None = None
        while True:
            consumer = self._consumer()
            try:
                await consumer.start()
                consumer.assign([tp])
                if position is None:
                    position = int((await consumer.end_offsets([tp]))[tp])
                consumer.seek(tp, position)
                yield ()
                while True:
                    batch = await consumer.getmany(tp, timeout_ms=READ_WAIT_MS)
                    records = batch.get(tp, ())
                    if records:
                        position = records[-1].offset + 1
                        yield [_job_id(record.key, record.value) for record in records]
            except kafka_errors.OffsetOutOfRangeError:
                # Its retention took what was not yet read: older than any job that is followed.
                position = None
            except kafka_errors.KafkaError as error:
                log.warning("outcomes not followed", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            finally:
                await closing.stop(consumer)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="none", **self._client_options.arguments()
        )

    async def _ended(self, tp: TopicPartition, since_ms: int) -> frozenset[str]:
        consumer = self._consumer()
        try:
            await consumer.start()
            consumer.assign([tp])
            found = (await consumer.offsets_for_times({tp: max(0, since_ms)}))[tp]
            if found is None:
                return frozenset()
            consumer.seek(tp, found.offset)
            return await self._read(consumer, tp)
        finally:
            await closing.stop(consumer)

    async def _read(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> frozenset[str]:
        """Until the end that came with the last fetch: asking for the end alone may give less."""
        ended: dict[str, None] = {}
        while (end := consumer.highwater(tp)) is None or await consumer.position(tp) < end:
            try:
                batch = await consumer.getmany(
                    tp, timeout_ms=READ_WAIT_MS, max_records=READ_RECORDS
                )
            except kafka_errors.OffsetOutOfRangeError:
                break
            for record in batch.get(tp, ()):
                ended[_job_id(record.key, record.value)] = None
                if len(ended) > REMEMBERED:
                    del ended[next(iter(ended))]
        return frozenset(ended)


def _job_id(key: bytes | None, value: bytes | None) -> str:
    """Of whose job an outcome is; a message of somebody else is of nobody's."""
    if key is not None:
        return key.decode(errors="replace")
    try:
        stored = json.loads(value or b"{}")
    except (ValueError, RecursionError):
        return ""
    return str(stored.get("job_id", "")) if isinstance(stored, dict) else ""
