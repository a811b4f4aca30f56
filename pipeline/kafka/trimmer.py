"""Deletes old settled records from lane topics, which have no other retention."""

import asyncio

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close_admin
from pipeline.kafka.topic_reader import TopicReader

log = structlog.get_logger(__name__)


class KafkaTrimmer:
    """Deletes records that are both settled and older than a given time.

    Brokers free only whole segments, so the disk space comes back later.
    """

    def __init__(self, client_options: ClientOptions) -> None:
        self._client_options = client_options
        self._turn = asyncio.Lock()

    async def trim(self, topic: str, *, settled: int, before_ms: int) -> None:
        """Delete records before `settled` that were written before `before_ms`.

        A failure is logged; the next call tries again.
        """
        tp = TopicPartition(topic, 0)
        try:
            # One at a time: all lanes trim at once, an hour after this process got them.
            async with self._turn:
                offset = min(settled, await self._written_before(tp, before_ms, settled))
                if offset > 0:
                    await self._delete(tp, offset)
        except kafka_errors.KafkaError as error:
            log.warning("lane not trimmed", topic=topic, error=type(error).__name__)

    async def _written_before(self, tp: TopicPartition, before_ms: int, otherwise: int) -> int:
        """Return the first offset written at or after that time; `otherwise` when there is none."""
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
            await close_admin(admin)
