"""Provides the producer for commands and for a start, and turns its errors into ClusterTrouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import errors as kafka_errors

from pipeline.configuration.kafka import KafkaSettings
from pipeline.kafka.closing import close
from pipeline.kafka.cluster import ClusterTrouble, started
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.operations.cluster_setup import client_options

PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def shared_producer(
    kafka: KafkaSettings, patience: float | None
) -> AsyncIterator[SharedProducer]:
    """The producer that all writers of this process share, once the brokers answer.

    Raises:
        ClusterTrouble: no broker answered within `patience` seconds, or they refused us.
    """
    options = client_options(kafka)
    make = partial(make_producer, options, idempotent=kafka.exactly_once)
    first = await started(make, close, options, patience)
    producers = SharedProducer(make, first)
    try:
        yield producers
    finally:
        await producers.close()


@asynccontextmanager
async def writing_to(topic: str) -> AsyncIterator[None]:
    """Limit the writes in this block to half a minute, because a person waits for them.

    Raises:
        ClusterTrouble: the brokers did not accept the writes.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except (kafka_errors.KafkaError, TimeoutError) as error:
        raise ClusterTrouble(
            f"topic {topic} cannot be written ({type(error).__name__}); try again"
        ) from error
