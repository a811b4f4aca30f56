"""The writer of ingest with transactions: what an event became, and its offset, in one."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.message import Message
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import CLOSE_SECONDS, FAILED, close, is_fenced
from pipeline.kafka.producer import make_producer
from pipeline.kafka.record_limits import USUAL_LIMITS, RecordLimits
from pipeline.kafka.sending import durable, hand_over, not_durable, raise_permanent
from pipeline.stages.ports import Carried, OutgoingRecord, Partition

TRY_AGAIN_SECONDS = 0.5
OPEN_SECONDS = 30.0
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
    ) -> None:
        self._limits = limits
        self._client_options = client_options
        self._transactional_id = transactional_id
        self._timeout = transaction_timeout
        self._group = group
        self._source = source
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        while True:
            await self.close()
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._start()
            except (kafka_errors.KafkaError, TimeoutError) as error:
                raise_permanent(error, self._source.topic)
                log.warning("no transactional producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close(producer)

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        if self._producer is None:
            # Only now is the last transaction decided, so the committed offset is read again.
            await self.open()
            return "failed"
        try:
            async with asyncio.timeout(self._timeout):
                await self._transact(self._producer, outgoing, letters, next_offset)
        except FAILED as error:
            return await self._failed(error)
        return "durable"

    async def _failed(self, error: BaseException) -> Carried:
        was_fenced = is_fenced(self._producer, error)
        await self.close()
        if not was_fenced:
            return await not_durable(error)
        # Somebody else has the partition, or a former owner woke up and took the id again.
        log.warning("fenced", topic=self._source.topic, partition=self._source.partition)
        await asyncio.sleep(FENCED_SECONDS)
        return "failed"

    async def _start(self) -> None:
        self._producer = make_producer(
            self._client_options,
            idempotent=True,
            transactional_id=self._transactional_id,
            transaction_timeout=self._timeout,
        )
        # The id is taken with the start, and the former owner shut out by that.
        await self._producer.start()

    async def _transact(
        self,
        producer: AIOKafkaProducer,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> None:
        await producer.begin_transaction()
        try:
            await durable(await hand_over(producer, outgoing, letters, self._limits))
            await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
        except asyncio.CancelledError:
            # Left open, it would hold up all readers of the lanes until its timeout.
            with contextlib.suppress(*FAILED):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await producer.abort_transaction()
            raise
        await producer.commit_transaction()
