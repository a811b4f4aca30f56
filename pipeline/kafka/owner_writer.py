"""Writes of the one owner of a destination's snapshots: each call one transaction."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import CLOSE_SECONDS, FAILED, close, is_fenced
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.kafka.sending import raise_permanent
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.ports import Fenced, Written

TRY_AGAIN_SECONDS = 0.5
OPEN_SECONDS = 30.0

log = structlog.get_logger(__name__)


class TransactionalOwnerWriter:
    """Messages become visible together, or not at all, and only those of the newest owner.

    After a failure nobody knows whether the transaction was committed. A new producer's first word
    ends it, one way or the other; then the same is written once more, which changes nothing. The
    lease is asked in between: a process that was frozen would otherwise shut out its successor.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        lease: Lease,
    ) -> None:
        self._client_options = client_options
        self._transactional_id = transactional_id
        self._timeout = transaction_timeout
        self._lease = lease
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        while True:
            await self.close()
            await self._lease.wait_held()
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    await self._start()
            except (kafka_errors.KafkaError, TimeoutError) as error:
                raise_permanent(error, self._lease.topic)
                log.warning("no transactional producer yet", error=type(error).__name__)
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            else:
                return

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await close(producer)

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        while True:
            if self._producer is None:
                await self.open()
            assert self._producer is not None
            try:
                async with asyncio.timeout(self._timeout):
                    return await _transact(self._producer, messages)
            except FAILED as error:
                await self._failed(error)

    async def _failed(self, error: BaseException) -> None:
        was_fenced = is_fenced(self._producer, error)
        await self.close()
        if was_fenced:
            raise Fenced(self._lease.topic) from error
        raise_permanent(error, self._lease.topic)
        log.warning("state not durable, writing again", error=type(error).__name__)
        await asyncio.sleep(TRY_AGAIN_SECONDS)

    async def _start(self) -> None:
        self._producer = make_producer(
            self._client_options,
            idempotent=True,
            transactional_id=self._transactional_id,
            transaction_timeout=self._timeout,
        )
        # The id is taken with the start, and the former owner shut out by that.
        await self._producer.start()


class PlainOwnerWriter:
    """For brokers without transactions: at least once, and nobody is shut out."""

    def __init__(self, producers: SharedProducer, topic: str) -> None:
        self._producers = producers
        self._topic = topic

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        while True:
            producer = self._producers.current
            try:
                return await _send(producer, messages)
            except kafka_errors.KafkaError as error:
                raise_permanent(error, self._topic)
                log.warning("state not durable, writing again", error=type(error).__name__)
                await self._producers.replace_if_broken(producer, [error])
                await asyncio.sleep(TRY_AGAIN_SECONDS)


async def _transact(producer: AIOKafkaProducer, messages: Sequence[Written]) -> Sequence[int]:
    await producer.begin_transaction()
    try:
        offsets = await _send(producer, messages)
    except asyncio.CancelledError:
        # Left open, it would hold up the next owner, and compaction, until its timeout.
        with contextlib.suppress(*FAILED):
            async with asyncio.timeout(CLOSE_SECONDS):
                await producer.abort_transaction()
        raise
    await producer.commit_transaction()
    return offsets


async def _send(producer: AIOKafkaProducer, messages: Sequence[Written]) -> Sequence[int]:
    """Where each stands, once all do."""
    sent = [
        await producer.send(
            one.topic, one.value, one.key, partition=one.partition, headers=list(one.headers)
        )
        for one in messages
    ]
    return [(await one).offset for one in sent]
