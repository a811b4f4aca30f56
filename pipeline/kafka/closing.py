"""How clients come to their end: within a bound, and with the reason why they failed."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka import internals

CLOSE_SECONDS = 2.0
FAILED = (
    kafka_errors.KafkaError,
    kafka_errors.IllegalOperation,  # is none of those, and comes when the sender has failed
    TimeoutError,
    AssertionError,  # the library's, when its sender failed or went on between two calls of ours
)
"""Everything that a call to a transactional producer may raise."""


async def close(producer: AIOKafkaProducer) -> None:
    """Within a bound: a producer that tries something without end would never stop."""
    try:
        await _close(producer)
    finally:
        internals.hear_failures(producer)


async def _close(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(*FAILED):
        async with asyncio.timeout(CLOSE_SECONDS):
            await producer.stop()
            return
    with contextlib.suppress(*FAILED):
        async with asyncio.timeout(CLOSE_SECONDS):
            await internals.close_sender(producer)
    await producer.client.close()


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close every connection, whether the broker is there or not.

    With the broker away the library's own fetches are waiting to try again; it cancels them and
    then lets their end out, as if its caller had been cancelled, and closes nothing.
    """
    async with asyncio.TaskGroup() as tasks:
        # A task that ends as cancelled ends nobody else: that is all the group is here for.
        tasks.create_task(consumer.stop(), name="stop a consumer")
    await internals.client_of(consumer).close()


def is_fenced(producer: AIOKafkaProducer | None, error: BaseException) -> bool:
    """Whether a newer owner of the id is the reason; calls after the first fail otherwise."""
    if isinstance(error, kafka_errors.ProducerFenced):
        return True
    failure = None if producer is None else internals.sender_failure(producer)
    return isinstance(failure, kafka_errors.ProducerFenced)
