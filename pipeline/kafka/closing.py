"""Closes clients within a bound of time, and finds the reason why they failed."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka_errors

from pipeline.kafka import internals

CLOSE_SECONDS = 2.0
FAILED = (
    kafka_errors.KafkaError,
    kafka_errors.IllegalOperation,  # not a KafkaError; raised when the sender has failed
    TimeoutError,
    AssertionError,  # the library's, when its sender failed or went on between two calls of ours
)
"""Everything that a call to a transactional producer may raise."""


async def close(producer: AIOKafkaProducer) -> None:
    """Close a producer within a bound of time: one that retries for ever would never stop."""
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
    """Leave the group and close every connection, also if the broker is away.

    With the broker away the library cancels its waiting fetches, lets their CancelledError reach
    the caller, and closes nothing.
    """
    async with asyncio.TaskGroup() as tasks:
        # The task group is only here because a cancelled task in it cancels no other.
        tasks.create_task(consumer.stop(), name="stop a consumer")
    await internals.client_of(consumer).close()


def is_fenced(producer: AIOKafkaProducer | None, error: BaseException) -> bool:
    """Whether a newer owner of the id caused the error; later calls fail with other errors."""
    if isinstance(error, kafka_errors.ProducerFenced):
        return True
    failure = None if producer is None else internals.sender_failure(producer)
    return isinstance(failure, kafka_errors.ProducerFenced)
