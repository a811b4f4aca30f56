"""Reads back from the outcomes topic which jobs have ended."""

import json

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.adapters.kafka.connection import KafkaConnection

READ_RECORDS = 5000
READ_WAIT_MS = 1000

log = structlog.get_logger(__name__)


class KafkaHistory:
    """Outcomes lie in the partition of their jobs: same key, same partitioner, same count."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        self._connection = connection
        self._topic = topic

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        """Ids of jobs of this partition whose outcome was written at or after this time."""
        tp = TopicPartition(self._topic, partition)
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="none", **self._connection.options()
        )
        await consumer.start()
        try:
            consumer.assign([tp])
            found = (await consumer.offsets_for_times({tp: max(0, since_ms)}))[tp]
            if found is None:
                return frozenset()
            consumer.seek(tp, found.offset)
            return await self._read(consumer, tp)
        finally:
            await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> frozenset[str]:
        """Until the end that came with the last fetch: asking for the end alone may give less."""
        ended: set[str] = set()
        while (end := consumer.highwater(tp)) is None or await consumer.position(tp) < end:
            try:
                batch = await consumer.getmany(
                    tp, timeout_ms=READ_WAIT_MS, max_records=READ_RECORDS
                )
            except kafka_errors.OffsetOutOfRangeError:
                break
            for record in batch.get(tp, ()):
                ended.add(_job_id(record.key, record.value))
        return frozenset(ended)


def _job_id(key: bytes | None, value: bytes | None) -> str:
    if key is not None:
        return key.decode(errors="replace")
    return str(json.loads(value or b"{}").get("job_id"))
