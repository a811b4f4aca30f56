"""Writes the messages of an operator's command to given partitions, without a transaction.

A command that is killed would leave a transaction open, and nothing behind it could be read until
it timed out.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close
from pipeline.kafka.cluster import ClusterTrouble, started
from pipeline.kafka.producer import make_producer
from pipeline.kafka.sending import heard
from pipeline.stages.snapshot.ports import Written

PORTION: Final = 1000
"""So many messages are handed over before we wait for the first of them."""


class PlacedWriter:
    """Writes messages that may be written twice."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def write(self, messages: Sequence[Written]) -> None:
        """Write messages; return when all are durable.

        Raises:
            ClusterTrouble: some may not be durable; writing all of them again is safe.
        """
        for first in range(0, len(messages), PORTION):
            await self._write(messages[first : first + PORTION])

    async def _write(self, messages: Sequence[Written]) -> None:
        try:
            sent = [
                heard(
                    await self._producer.send(
                        one.topic,
                        one.value,
                        one.key,
                        partition=one.partition,
                        headers=list(one.headers),
                    )
                )
                for one in messages
            ]
            for future in sent:
                await future
        except kafka_errors.KafkaError as error:
            raise ClusterTrouble(
                f"topic {messages[0].topic} cannot be written ({type(error).__name__}); grant "
                "Write to it, or try again"
            ) from error


@asynccontextmanager
async def placed_writer(
    client_options: ClientOptions, patience: float
) -> AsyncIterator[PlacedWriter]:
    """Yield a writer that has reached the cluster.

    Raises:
        ClusterTrouble: no broker answered within `patience` seconds.
    """
    make = partial(make_producer, client_options, idempotent=False)
    producer = await started(make, close, client_options, patience)
    try:
        yield PlacedWriter(producer)
    finally:
        await close(producer)
