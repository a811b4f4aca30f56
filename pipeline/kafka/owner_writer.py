"""Writes for the one owner of a destination's snapshots; each call is one transaction."""

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import FAILED
from pipeline.kafka.producer import SharedProducer
from pipeline.kafka.sending import heard, raise_permanent
from pipeline.kafka.transactional_producer import TransactionalProducer, transaction
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.ports import Fenced, Written

TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


class TransactionalOwnerWriter:
    """Messages of the newest owner become visible together, or not at all; others cannot write.

    After a failure nobody knows whether the transaction was committed. A new producer ends it, in
    one way or the other, when it takes the id. Then the same messages are written again, which
    changes nothing. Before that we wait for the lease: otherwise a process that was frozen would
    shut out its successor.
    """

    def __init__(
        self,
        client_options: ClientOptions,
        *,
        transactional_id: str,
        transaction_timeout: float,
        lease: Lease,
    ) -> None:
        self._timeout = transaction_timeout
        self._lease = lease
        self._producer = TransactionalProducer(
            client_options,
            transactional_id=transactional_id,
            transaction_timeout=transaction_timeout,
            topic=lease.topic,
        )

    async def open(self) -> None:
        await self._producer.open(self._lease.wait_held)

    async def close(self) -> None:
        await self._producer.close()

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        while True:
            producer = self._producer.current or await self._producer.open(self._lease.wait_held)
            try:
                async with asyncio.timeout(self._timeout), transaction(producer):
                    offsets = await _send(producer, messages)
            except FAILED as error:
                await self._failed(error)
            else:
                return offsets

    async def _failed(self, error: BaseException) -> None:
        if await self._producer.failed(error):
            raise Fenced(self._lease.topic) from error
        raise_permanent(error, self._lease.topic)
        log.warning("state not durable, writing again", error=type(error).__name__)
        await asyncio.sleep(TRY_AGAIN_SECONDS)


class PlainOwnerWriter:
    """Writes for brokers without transactions: at least once, and no owner is shut out."""

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


async def _send(producer: AIOKafkaProducer, messages: Sequence[Written]) -> Sequence[int]:
    """Send messages; return their offsets once all are durable."""
    sent = [
        heard(
            await producer.send(
                one.topic, one.value, one.key, partition=one.partition, headers=list(one.headers)
            )
        )
        for one in messages
    ]
    return [(await one).offset for one in sent]
