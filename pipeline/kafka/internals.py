"""All access to private members of aiokafka: no other module uses them.

`tests/kafka/test_internals.py` fails when a new version of the library changes any of them.
"""

import asyncio
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.stages.ports import Record

# ruff: noqa: SLF001


# A member of a group


class GroupMember:
    """A consumer's view of its group, and its connection to the group's coordinator."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._inner = consumer._coordinator

    @property
    def generation(self) -> int:
        return int(self._inner.generation)

    @property
    def member_id(self) -> str:
        return str(self._inner.member_id)

    @property
    def is_over(self) -> bool:
        """Whether the task that keeps the member in its group has ended."""
        return bool(self._inner._coordination_task.done())

    def rejoin(self) -> None:
        self._inner.request_rejoin()

    def raise_errors(self) -> None:
        """Raise the error of one of the library's tasks; the task goes on once it is raised."""
        self._inner.check_errors()

    async def ask(self, request: Any) -> Any:
        """Send one request to the coordinator and return the answer; raises `KafkaError`."""
        await self._inner.ensure_coordinator_known()
        return await self._inner._send_req(request)

    def coordinator_moved(self) -> None:
        """Look up the coordinator again before the next request."""
        self._inner.coordinator_dead()


# What a consumer has fetched


class ClientBuffers:
    """Implements `Buffers` with the fetched records of a started consumer."""

    def __init__(
        self, consumer: AIOKafkaConsumer, changed: Callable[[TopicPartition], None]
    ) -> None:
        """`changed` is called for each partition whose fetching changes."""
        self._consumer = consumer
        self._fetcher = consumer._fetcher
        self._subscription = consumer._subscription
        self._changed = changed

    def arrival(self) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = self._fetcher._create_fetch_waiter()
        return waiter

    def waiting(self) -> Sequence[TopicPartition]:
        return list(self._fetcher._records)

    def take(self, tp: TopicPartition, most: int, *, singly: bool = False) -> Sequence[Record]:
        found = self._fetcher._records.get(tp)
        if found is None or self._subscription.reassignment_in_progress:
            return ()
        if not isinstance(found, FetchResult):
            self._drop(tp)
            found.check_raise()
        try:
            records: Sequence[Record] = _singly(found, most) if singly else found.getall(most)
        except kafka_errors.KafkaError:
            self._drop(tp)
            raise
        if not found.has_more():
            self._drop(tp)
        return records

    def position(self, tp: TopicPartition) -> int | None:
        state = self._state(tp)
        return state.position if state is not None and state.has_valid_position else None

    def size(self, tp: TopicPartition) -> int:
        found = self._fetcher._records.get(tp)
        inner = getattr(found, "_partition_records", None)
        return 0 if inner is None else int(inner._records.size_in_bytes())

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._consumer.seek(tp, offset)
        self._changed(tp)

    def pause(self, tp: TopicPartition) -> None:
        self._consumer.pause(tp)
        self._changed(tp)

    def resume(self, tp: TopicPartition) -> None:
        self._consumer.resume(tp)
        self._changed(tp)
        self._look_again()

    def end(self, tp: TopicPartition) -> int | None:
        state = self._state(tp)
        return None if state is None else state.highwater

    def answered_ms(self, tp: TopicPartition) -> int | None:
        state = self._state(tp)
        return None if state is None else state.timestamp

    def _state(self, tp: TopicPartition) -> Any:
        subscription = self._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        return None if assignment is None else assignment.state_value(tp)

    def _drop(self, tp: TopicPartition) -> None:
        """Let the client fetch the partition again."""
        del self._fetcher._records[tp]
        self._changed(tp)
        self._look_again()

    def _look_again(self) -> None:
        """Make the client look now for partitions to fetch."""
        self._fetcher._notify(self._fetcher._wait_consume_future)


def _singly(found: Any, most: int) -> list[Record]:
    taken: list[Record] = []
    while len(taken) < most:
        try:
            one = found.getall(1)
        except kafka_errors.KafkaError:
            if not taken:
                raise
            break
        if not one:
            break
        taken += one
    return taken


def raise_fetcher_error(consumer: AIOKafkaConsumer) -> None:
    """Raise the error that ended the fetching task: nobody else would see it."""
    task = consumer._fetcher._fetch_task
    if task.done() and not task.cancelled():
        task.result()


class FetcherView:
    """The state of a consumer's fetcher, for the plan of its fetches."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._fetcher = consumer._fetcher
        self._cluster = consumer._client.cluster

    def plan_by(
        self,
        plan: Callable[[Any], object],
        wrap: Callable[[Any], Any],
        leaders_changed: Callable[[Any], None],
    ) -> None:
        """Make the fetcher ask `plan` for its actions, and put a wrapper around its client."""
        self._fetcher._client = wrap(self._fetcher._client)
        self._fetcher._get_actions_per_node = plan
        self._cluster.add_listener(leaders_changed)

    @property
    def buffered(self) -> AbstractSet[TopicPartition]:
        """Partitions whose records or errors wait to be taken."""
        waiting: AbstractSet[TopicPartition] = self._fetcher._records.keys()
        return waiting

    def patience(self, tp: TopicPartition) -> float:
        """Seconds for which other partitions wait until these records are taken."""
        return float(self._fetcher._records[tp].calculate_backoff())

    @property
    def busy(self) -> AbstractSet[int]:
        """Brokers that have yet to answer."""
        nodes: AbstractSet[int] = self._fetcher._in_flight
        return nodes

    @property
    def is_behind(self) -> bool:
        """Whether a broker that has answered in this turn of the loop still counts as busy."""
        at_work = sum(not task.done() for task in self._fetcher._pending_tasks)
        return len(self.busy) > at_work

    def leader(self, tp: TopicPartition) -> int | None:
        node = self._cluster.leader_for_partition(tp)
        return None if node is None or node == -1 else int(node)

    @property
    def partition_bytes(self) -> int:
        return int(self._fetcher._max_partition_fetch_bytes)

    def request(self, topics: list[Any]) -> FetchRequest:
        """Make a fetch request with the consumer's options."""
        inner = self._fetcher
        return FetchRequest(
            inner._fetch_max_wait_ms,
            inner._fetch_min_bytes,
            inner._fetch_max_bytes,
            inner._isolation_level,
            topics,
        )


def client_of(consumer: AIOKafkaConsumer) -> Any:
    """Return the consumer's client."""
    return consumer._client


def isolation_of(consumer: AIOKafkaConsumer) -> int:
    """Return the consumer's isolation level, as the protocol's number."""
    return int(consumer._fetcher._isolation_level)


async def know_topics(client: Any, topics: AbstractSet[str]) -> None:
    """Make the client know all these topics with one request, instead of one for each."""
    if not topics <= client._topics:
        await client.set_topics(client._topics | topics)


def make_no_topic(request: MetadataRequest) -> None:
    """Forbid a question about topics to create any of them."""
    request._allow_auto_topic_creation = False


async def ask_broker(admin: AIOKafkaAdminClient, request: Any, broker: int | None = None) -> Any:
    """Send one request, to any broker if none is named; return the answer; raises `KafkaError`."""
    return await admin._send_request(request, broker)


# A producer


async def close_sender(producer: AIOKafkaProducer) -> None:
    """Close the sender. `stop` would do this only after waiting for messages that never go out."""
    await producer._sender.close()


def sender_failure(producer: AIOKafkaProducer) -> BaseException | None:
    """Return the error that ended the sending task; None while it works, or when it was stopped."""
    task = producer._sender.sender_task
    if task is None or not task.done() or task.cancelled():
        return None
    failure: BaseException | None = task.exception()
    return failure


def transaction_failure(producer: AIOKafkaProducer) -> BaseException | None:
    """Return why the transaction can only be aborted; its batches fail with a later error."""
    waiter = producer._txn_manager._transaction_waiter
    return waiter.exception() if waiter and waiter.done() and not waiter.cancelled() else None


def has_stopped_sending(producer: AIOKafkaProducer) -> bool:
    return bool(producer._sender.sender_task.done())


def fail_waiting(producer: AIOKafkaProducer, error: Exception) -> None:
    """Fail all waits for messages of this producer, which will not go out any more."""
    producer._message_accumulator.fail_all(error)


def hear_failures(producer: AIOKafkaProducer) -> None:
    """Read the errors of futures that the library forgets, or the event loop would log each."""
    accumulator = producer._message_accumulator
    batches = chain(accumulator._pending_batches, *accumulator._batches.values())
    futures = [future for batch in batches for future in (batch.future, batch._drain_waiter)]
    if producer._txn_manager is not None:
        futures.append(producer._txn_manager._transaction_waiter)
    for future in futures:
        if future is not None and future.done() and not future.cancelled():
            future.exception()
