"""How clients come to their end: within a bound, and with the reason why they failed."""

import asyncio
import contextlib
from itertools import chain

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka_errors

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
        _hear_failures(producer)


async def _close(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(*FAILED):
        async with asyncio.timeout(CLOSE_SECONDS):
            await producer.stop()
            return
    with contextlib.suppress(*FAILED):
        async with asyncio.timeout(CLOSE_SECONDS):
            # What `stop` would do next, had it not waited for messages that never go out.
            await producer._sender.close()  # noqa: SLF001
    await producer.client.close()


def _hear_failures(producer: AIOKafkaProducer) -> None:
    """Look at the failures that the library tells nobody.

    A batch that failed before it went out has a second future, and a transaction one that only its
    end looks at; the event loop would log each as an error that nobody retrieved. Whoever wrote
    the batch or began the transaction has heard by now.
    """
    accumulator = producer._message_accumulator  # noqa: SLF001
    futures = [
        future
        for batch in chain(accumulator._pending_batches, *accumulator._batches.values())  # noqa: SLF001
        for future in (batch.future, batch._drain_waiter)  # noqa: SLF001
    ]
    if producer._txn_manager is not None:  # noqa: SLF001
        futures.append(producer._txn_manager._transaction_waiter)  # noqa: SLF001
    for future in futures:
        if future is not None and future.done() and not future.cancelled():
            future.exception()


async def stop(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close every connection, whether the broker is there or not.

    With the broker away the library's own fetches are waiting to try again; it cancels them and
    then lets their end out, as if its caller had been cancelled, and closes nothing.
    """
    async with asyncio.TaskGroup() as tasks:
        # A task that ends as cancelled ends nobody else: that is all the group is here for.
        tasks.create_task(consumer.stop(), name="stop a consumer")
    await consumer._client.close()  # noqa: SLF001


def is_fenced(producer: AIOKafkaProducer | None, error: BaseException) -> bool:
    """Whether a newer owner of the id is the reason; calls after the first fail otherwise."""
    if isinstance(error, kafka_errors.ProducerFenced):
        return True
    sender = None if producer is None else producer._sender.sender_task  # noqa: SLF001
    if sender is None or not sender.done() or sender.cancelled():
        return False
    return isinstance(sender.exception(), kafka_errors.ProducerFenced)
