"""How clients of the cluster are closed."""

import asyncio
import contextlib
import gc
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, ProducerFenced

from pipeline.kafka import closing
from tests.fakes.virtual_loop import run_virtual


@dataclass(slots=True)
class LibraryClient:
    is_closed: bool = False

    async def close(self) -> None:
        self.is_closed = True


@dataclass(slots=True)
class ConsumerWithoutBroker:
    """Ends its own fetch, which waits to try again, and lets the end of it out."""

    _client: LibraryClient = field(default_factory=LibraryClient)

    async def stop(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            fetch = tasks.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            fetch.cancel()
            await fetch


async def test_a_consumer_that_stops_while_the_broker_is_away_cancels_nobody_and_is_closed() -> (
    None
):
    """
    Otherwise a stop on request would end as a failure, whenever a broker is away.
    """
    consumer = ConsumerWithoutBroker()

    await closing.stop(consumer)

    assert consumer._client.is_closed


@dataclass(slots=True)
class AdminClient:
    """Waits for its task as the library does, and takes every cancellation for that of the task."""

    task_seconds: float
    is_closed: bool = False

    async def close(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(self.task_seconds)
        self.is_closed = True


async def cancelled_while_it_closes(client: AdminClient) -> float:
    """How long the one who closes it still waits, once cancelled."""
    async with asyncio.TaskGroup() as tasks:
        closing_it = tasks.create_task(closing.close_admin(client))
        await asyncio.sleep(0.5)
        closing_it.cancel()
        cancelled_at = asyncio.get_running_loop().time()
    assert closing_it.cancelled()
    return asyncio.get_running_loop().time() - cancelled_at


def test_who_is_cancelled_while_a_client_closes_is_cancelled_once_it_is_closed() -> None:
    client = AdminClient(task_seconds=1.5)

    waited = run_virtual(cancelled_while_it_closes(client))

    assert client.is_closed
    assert waited == pytest.approx(1.0, abs=0.01)


def test_a_client_that_does_not_close_holds_up_nobody_who_is_cancelled() -> None:
    client = AdminClient(task_seconds=3600.0)

    waited = run_virtual(cancelled_while_it_closes(client))

    assert waited == pytest.approx(closing.CLOSE_SECONDS, abs=0.01)


async def test_what_fails_while_a_client_closes_is_told_as_it_was_raised() -> None:
    class Failing(AdminClient):
        async def close(self) -> None:
            raise KafkaConnectionError

    with pytest.raises(KafkaConnectionError):
        await closing.close_admin(Failing(task_seconds=0.0))


async def test_batches_that_failed_before_they_went_out_are_no_errors_that_nobody_retrieved() -> (
    None
):
    """
    Whoever wrote them was told; the library keeps a second future of each and looks at none.
    """
    unretrieved: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: unretrieved.append(said))
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    accumulator = producer._message_accumulator
    told = await accumulator.add_message(TopicPartition("lane", 0), b"key", b"value", 1.0)
    accumulator.fail_all(ProducerFenced())

    await closing.close(producer)

    assert isinstance(told.exception(), ProducerFenced)
    del producer, accumulator, told
    gc.collect()
    assert unretrieved == []


async def test_a_transaction_that_failed_is_no_error_that_nobody_retrieved() -> None:
    """
    Who is shut out while it writes never comes to the end of the transaction.
    """
    unretrieved: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: unretrieved.append(said))
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="id")
    transactions = producer._txn_manager
    transactions.set_pid_and_epoch(1, 1)
    transactions.begin_transaction()
    transactions.fatal_error(ProducerFenced())

    await closing.close(producer)

    del producer, transactions
    gc.collect()
    assert unretrieved == []
