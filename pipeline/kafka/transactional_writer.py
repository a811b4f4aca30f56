"""The writer of ingest with transactions: records and the source offset in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import TopicPartition

from pipeline.domain.message import Message
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import FAILED
from pipeline.kafka.internals import transaction_failure
from pipeline.kafka.record_limits import USUAL_LIMITS, RecordLimits
from pipeline.kafka.sending import durable, hand_over, topics_of
from pipeline.kafka.transactional_producer import TransactionalProducer, transaction
from pipeline.stages.ports import Carried, OutgoingRecord, Partition

FENCED_SECONDS = 5.0
"""How long a shut-out writer waits; meanwhile the group shows who the owner is."""
log = structlog.get_logger(__name__)


class TransactionalWriter:
    """Records, dead letters and the source offset become visible together, or not at all.

    Each source partition has its own transactional id. Opening it shuts out the former owner; the
    client cannot do that by group generation. After any failure the producer is replaced: when the
    new one takes the id, an open transaction of the old one is committed or aborted. The *next*
    call replaces it, so that the lease is checked in between: otherwise a process that was frozen
    would shut out its successor.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        group: str,
        source: TopicPartition,
        limits: RecordLimits = USUAL_LIMITS,
        trouble: ChunkTrouble,
    ) -> None:
        """`trouble` is shared by the writers of a process, or each would log the same."""
        self._limits = limits
        self._timeout = transaction_timeout
        self._group = group
        self._source = source
        self._trouble = trouble
        self._producer = TransactionalProducer(
            client_options,
            transactional_id=transactional_id,
            transaction_timeout=transaction_timeout,
            topic=source.topic,
        )

    async def open(self) -> None:
        await self._producer.open()

    async def close(self) -> None:
        self._trouble.closed(self)
        await self._producer.close()

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        producer = self._producer.current
        if producer is None:
            # This decides the last transaction, so the committed offset must be read again.
            await self.open()
            return "failed"
        try:
            async with asyncio.timeout(self._timeout), transaction(producer):
                await durable(await hand_over(producer, outgoing, letters, self._limits))
                await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        except FAILED as error:
            return await self._failed(transaction_failure(producer) or error)
        self._trouble.durable(self, topics_of(outgoing, letters))
        return "durable"

    async def _failed(self, error: BaseException) -> Carried:
        if not await self._producer.failed(error):
            return await self._trouble.not_durable(error, self)
        # A new owner has the partition, or a former owner woke up and took the id again.
        log.warning("fenced", topic=self._source.topic, partition=self._source.partition)
        await asyncio.sleep(FENCED_SECONDS)
        return "failed"
