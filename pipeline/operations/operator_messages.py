"""Messages of operators to the running processes: in topics that these read."""

import asyncio
from collections.abc import Sequence
from functools import partial

from aiokafka import errors as kafka_errors

from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.message import Message
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.operations.cluster_setup import client_options

PATIENCE_SECONDS = 30.0


async def write_messages(kafka: KafkaSettings, topic: str, messages: Sequence[Message]) -> None:
    """Return when all of them are durable; all are for this topic.

    Raises:
        ClusterTrouble: they could not be written.
    """
    make = partial(make_producer, client_options(kafka), idempotent=kafka.exactly_once)
    producers = SharedProducer(make, make())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await producers.current.start()
            await KafkaMessageWriter(producers).write(messages)
    except (kafka_errors.KafkaError, TimeoutError) as error:
        raise ClusterTrouble(
            f"topic {topic} cannot be written ({type(error).__name__}); try again"
        ) from error
    finally:
        await producers.close()
