"""Finds the cluster at start: waits for a while, then says in one line what is wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import Client, close, close_admin, start_or_close
from pipeline.kafka.producer import make_producer

Result = TypeVar("Result")

TRY_AGAIN_SECONDS = 0.5
SAY_AGAIN_SECONDS = 60.0

log = structlog.get_logger(__name__)


class ClusterTrouble(Exception):
    """The cluster cannot be reached or used; the message names the key and the remedy."""


class BrokersAway(ClusterTrouble):
    """No broker answers, or one stopped answering: it may pass by itself."""


@asynccontextmanager
async def admin_client(
    client_options: ClientOptions, patience: float | None
) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield an admin client, once the cluster answers.

    Raises:
        BrokersAway: the cluster did not answer within `patience` seconds, or stopped answering.
    """
    admin = await started(
        lambda: AIOKafkaAdminClient(**client_options.arguments()),
        close_admin,
        client_options,
        patience,
    )
    try:
        yield admin
    except kafka_errors.KafkaError as error:
        if not error.retriable:
            raise
        raise left_in_the_middle(client_options, error) from error
    finally:
        await close_admin(admin)


async def check_transactions(client_options: ClientOptions, transactional_id: str) -> None:
    """Use a transactional id once, to see whether the brokers allow it.

    Raises:
        ClusterTrouble: the brokers have no transactions, or do not grant us any.
        BrokersAway: the brokers stopped answering.
    """
    producer = make_producer(client_options, idempotent=True, transactional_id=transactional_id)
    try:
        async with asyncio.timeout(10):
            await producer.start()
            await producer.begin_transaction()
            await producer.abort_transaction()
    except (kafka_errors.KafkaConnectionError, kafka_errors.NodeNotReadyError) as error:
        raise left_in_the_middle(client_options, error) from error
    except (kafka_errors.KafkaError, TimeoutError) as error:
        raise ClusterTrouble(
            f"kafka.exactly_once: the brokers give us no transaction ({type(error).__name__}); "
            f"grant the transactional id {transactional_id.rsplit('.', 1)[0]}.*, or set "
            "kafka.exactly_once: false for brokers without transactions"
        ) from error
    finally:
        await close(producer)


async def started(
    make: Callable[[], Client],
    end: Callable[[Client], Awaitable[None]],
    client_options: ClientOptions,
    patience: float | None,
) -> Client:
    """Return a client that has reached the cluster; a client that has not is closed and replaced.

    Without `patience` it tries for ever.

    Raises:
        BrokersAway: nobody answered within `patience` seconds.
    """
    give_up_at = None if patience is None else asyncio.get_running_loop().time() + patience

    async def once() -> Client:
        client = make()
        try:
            async with asyncio.timeout_at(give_up_at):
                await start_or_close(client, end)
        except (kafka_errors.KafkaError, TimeoutError, OSError) as error:
            raise _no_answer(client_options, error) from error
        return client

    return await once_they_stay(once, patience)


async def once_they_stay(work: Callable[[], Awaitable[Result]], patience: float | None) -> Result:
    """Repeat `work` until the brokers stay for all of it; return its result.

    Without `patience` it repeats for ever. Once a minute it logs what it waits for.

    Raises:
        BrokersAway: the brokers still failed after `patience` seconds.
    """
    loop = asyncio.get_running_loop()
    began_at = say_at = loop.time()
    while True:
        try:
            return await work()
        except BrokersAway as trouble:
            waited = loop.time() - began_at
            if patience is not None and waited + TRY_AGAIN_SECONDS >= patience:
                raise
            if loop.time() >= say_at:
                say_at = loop.time() + SAY_AGAIN_SECONDS
                log.warning("waiting for Kafka", trouble=str(trouble), waited_seconds=round(waited))
        await asyncio.sleep(TRY_AGAIN_SECONDS)


def left_in_the_middle(client_options: ClientOptions, error: Exception) -> BrokersAway:
    """Return the error for brokers that have stopped answering."""
    return BrokersAway(
        f"kafka.bootstrap_servers: {client_options.bootstrap_servers} stopped answering "
        f"({type(error).__name__}); try again"
    )


def _no_answer(client_options: ClientOptions, error: Exception) -> BrokersAway:
    return BrokersAway(
        f"kafka.bootstrap_servers: no Kafka answers at {client_options.bootstrap_servers} "
        f"({type(error).__name__}); start it, or correct the address or the security settings"
    )


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Return the result of the work, or None if `stop` comes first; then the work is cancelled."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work, name="until it is done or stopped")
        waiting = tasks.create_task(stop.wait(), name="stop")
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        working.cancel()
        waiting.cancel()
    return None if working.cancelled() else working.result()
