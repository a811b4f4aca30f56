"""Writes to the cluster for commands and at a start: a producer, and what keeps it from writing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.configuration.kafka import KafkaSettings
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
        ClusterTrouble: they did not within `patience` seconds, or refused us.
    """
    options = client_options(kafka)
    make = partial(make_producer, options, idempotent=kafka.exactly_once)
    first = await started(make, AIOKafkaProducer.stop, options, patience)
    producers = SharedProducer(make, first)
    try:
        yield producers
    finally:
        await producers.close()


@asynccontextmanager
async def writing_to(topic: str) -> AsyncIterator[None]:
    """Somebody waits for what is written in this block, so it may take half a minute.

    Raises:
        ClusterTrouble: the brokers did not take it.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except (kafka_errors.KafkaError, TimeoutError) as error:
        raise ClusterTrouble(
            f"topic {topic} cannot be written ({type(error).__name__}); try again"
        ) from error
