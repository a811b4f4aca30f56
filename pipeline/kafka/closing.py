"""Closes clients, also those that do not start, and finds the reason why they failed.

Nobody else closes a client. While the library closes one, it waits for tasks that it has cancelled,
and takes a cancellation of the caller for theirs. So a stop or a timeout of the caller would be
lost. Here it is raised once the client is closed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka import internals

CLOSE_SECONDS = 2.0
FAILED = (
    kafka_errors.KafkaError,
    kafka_errors.IllegalOperation,  # not a KafkaError; raised when the sender has failed
    TimeoutError,
    AssertionError,  # the library's, when its sender failed or went on between two calls of ours
)
"""Everything that a call to a transactional producer may raise."""


class _Client(Protocol):
    async def start(self) -> None: ...


Client = TypeVar("Client", bound=_Client)


async def start_or_close(client: Client, end: Callable[[Client], Awaitable[None]]) -> None:
    """Start a client, or `end` it: a client that failed to start holds connections, too."""
    try:
        await client.start()
    except BaseException:
        await end(client)
        raise


async def close(producer: AIOKafkaProducer) -> None:
    """Close a producer within a bound of time: one that retries for ever would never stop."""
    try:
        await _to_its_end(_close(producer))
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
    try:
        await _to_its_end(consumer.stop())
    finally:
        await _to_its_end(internals.client_of(consumer).close())


async def close_admin(admin: AIOKafkaAdminClient) -> None:
    """Close every connection of an admin client."""
    await _to_its_end(admin.close())


async def _to_its_end(closing: Coroutine[Any, Any, None]) -> None:
    """Wait until the client is closed; if we are cancelled, still for a while, and raise it then.

    The task is never cancelled as long as it works, so a CancelledError in it is the library's own.
    """
    failures: list[Exception] = []

    async def run() -> None:
        try:
            await closing
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(run(), name="close a Kafka client")
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=CLOSE_SECONDS)
            raise
    if failures:
        raise failures[0]


def is_fenced(producer: AIOKafkaProducer | None, error: BaseException) -> bool:
    """Whether a newer owner of the id caused the error; later calls fail with other errors."""
    if isinstance(error, kafka_errors.ProducerFenced):
        return True
    failure = None if producer is None else internals.sender_failure(producer)
    return isinstance(failure, kafka_errors.ProducerFenced)
