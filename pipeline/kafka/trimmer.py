"""Deletes from lane topics what was settled long enough ago; they have no other retention."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.topic_reader import TopicReader

log = structlog.get_logger(__name__)


class KafkaTrimmer:
    """DeleteRecords up to what is both settled and older than what is to be kept.

    Brokers free whole segments only, so the disk follows later than the records.
    """

    def __init__(self, client_options: ClientOptions) -> None:
        self._client_options = client_options
        self._turn = asyncio.Lock()

    async def trim(self, topic: str, *, settled: int, before_ms: int) -> None:
        """Delete what lies before `settled` and was written before that time.

        A broker that refuses or is away is told about and asked again next time.
        """
        tp = TopicPartition(topic, 0)
        try:
            # All lanes come at the same time, an hour after they were given to this process.
            async with self._turn:
                offset = min(settled, await self._written_before(tp, before_ms, settled))
                if offset > 0:
                    await self._delete(tp, offset)
        except kafka_errors.KafkaError as error:
            log.warning("lane not trimmed", topic=topic, error=type(error).__name__)

    async def _written_before(self, tp: TopicPartition, before_ms: int, otherwise: int) -> int:
        """The first offset written at or after that time; `otherwise` when there is none."""
        async with TopicReader(self._client_options, committed_only=False) as reader:
            offset = (await reader.since([tp], before_ms)).get(tp, otherwise)
            oldest = (await reader.oldest([tp]))[tp]
            return offset if offset > oldest else 0

    async def _delete(self, tp: TopicPartition, offset: int) -> None:
        admin = AIOKafkaAdminClient(**self._client_options.arguments())
        try:
            await admin.start()
            await admin.delete_records({tp: RecordsToDelete(before_offset=offset)})
            log.info("lane trimmed", topic=tp.topic, before=offset)
        finally:
            await admin.close()
