"""Writes messages of operators to the topics that the running processes read."""

from collections.abc import Sequence
from functools import partial

from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.message import Message
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.producing import writing_to


async def write_messages(kafka: KafkaSettings, topic: str, messages: Sequence[Message]) -> None:
    """Write messages to this topic; returns once all are durable.

    Raises:
        ClusterTrouble: the messages could not be written.
    """
    make = partial(make_producer, client_options(kafka), idempotent=kafka.exactly_once)
    producers = SharedProducer(make, make())
    try:
        async with writing_to(topic):
            await producers.current.start()
            await KafkaMessageWriter(producers).write(messages)
    finally:
        await producers.close()
