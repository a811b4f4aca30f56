"""The writer of ingest with transactions: what an event became, and its offset, in one."""

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
"""How long one that was shut out keeps still; the group tells it meanwhile who is right."""
log = structlog.get_logger(__name__)


class TransactionalWriter:
    """Records, dead letters and the source offset become visible together, or not at all.

    One transactional id for each source partition: opening it shuts out whoever had it before,
    which the client cannot do by group generation. After any failure the producer is replaced,
    because a new one's first word ends whatever its predecessor left open, one way or the other.
    It is replaced with the *next* call, so that the lease is asked in between: a process that was
    frozen would otherwise shut out its successor.
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
        """`trouble` is shared by the writers of a process, or each would say the same."""
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
            # Only now is the last transaction decided, so the committed offset is read again.
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
        # Somebody else has the partition, or a former owner woke up and took the id again.
        log.warning("fenced", topic=self._source.topic, partition=self._source.partition)
        await asyncio.sleep(FENCED_SECONDS)
        return "failed"
