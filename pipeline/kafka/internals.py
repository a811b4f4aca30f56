"""Everything that we touch inside aiokafka: no other module reaches for its private members.

`tests/kafka/test_internals.py` fails when a new version of the library changes any of them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

from pipeline.stages.ports import Record

# ruff: noqa: SLF001

OLDEST, END = -2, -1
"""What `offsets_at` can ask for."""
FETCHER_SECONDS = 2.0


# A member of a group


class GroupMember:
    """A consumer's own view of its group, and its line to the group's coordinator."""

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
        """Whether the task that keeps up the membership has ended."""
        return bool(self._inner._coordination_task.done())

    def rejoin(self) -> None:
        self._inner.request_rejoin()

    def raise_errors(self) -> None:
        """Raise what one of the library's tasks has met; it goes on once it was raised."""
        self._inner.check_errors()

    async def ask(self, request: Any) -> Any:
        """One request to the coordinator, with its answer; raises `KafkaError`."""
        await self._inner.ensure_coordinator_known()
        return await self._inner._send_req(request)

    def coordinator_moved(self) -> None:
        """Have the coordinator looked up before the next request."""
        self._inner.coordinator_dead()


# What a consumer has fetched


class ClientBuffers:
    """What a consumer has fetched and nobody has taken yet: `Buffers`, once it was started."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._fetcher = consumer._fetcher
        self._subscription = consumer._subscription

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

    def pause(self, tp: TopicPartition) -> None:
        self._consumer.pause(tp)

    def resume(self, tp: TopicPartition) -> None:
        self._consumer.resume(tp)

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
    """Raise what the task died of that fetches: nobody else would hear of it."""
    task = consumer._fetcher._fetch_task
    if task.done() and not task.cancelled():
        task.result()


def wrap_fetch_client(consumer: AIOKafkaConsumer, wrap: Callable[[Any], Any]) -> None:
    """Put something between the part that fetches and its line to the brokers.

    Its loop over all partitions need not run five times a second: whatever changes wakes it.
    """
    consumer._fetcher._client = wrap(consumer._fetcher._client)
    consumer._fetcher._fetcher_timeout = FETCHER_SECONDS


def with_topics(request: FetchRequest, topics: list[Any]) -> FetchRequest:
    """The same fetch for other partitions."""
    copied = copy(request)
    copied._topics = topics
    return copied


async def offsets_at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], at: int
) -> Mapping[TopicPartition, int | type[Exception]]:
    """The oldest offsets or the ends, or why there is no answer, each partition for itself.

    The library's own question fails for all partitions when it does for one. Raises `KafkaError`
    when a broker doesn't answer at all.
    """
    client = consumer._client
    by_node: defaultdict[int, defaultdict[str, list[tuple[int, int]]]]
    by_node = defaultdict(lambda: defaultdict(list))
    found: dict[TopicPartition, int | type[Exception]] = {}
    for tp in partitions:
        node = client.cluster.leader_for_partition(tp)
        if node is None or node == -1:
            client.force_metadata_update()
            found[tp] = kafka_errors.LeaderNotAvailableError
        else:
            by_node[node][tp.topic].append((tp.partition, at))
    isolation = consumer._fetcher._isolation_level
    for node, topics in by_node.items():
        response = await client.send(node, OffsetRequest(-1, isolation, list(topics.items())))
        for topic, answers in response.topics:
            for partition, code, *said in answers:
                error = kafka_errors.for_code(code)
                found[TopicPartition(topic, partition)] = error if code else said[-1]
                if code and error.invalid_metadata:
                    client.force_metadata_update()
    return found


async def know_leaders(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
    """Ask for the leaders of all partitions with one request, and not for one after the other."""
    topics, known = {tp.topic for tp in partitions}, consumer._client._topics
    if not topics <= known:
        await consumer._client.set_topics(known | topics)


def make_no_topic(request: MetadataRequest) -> None:
    """Let a question about topics create none of them."""
    request._allow_auto_topic_creation = False


async def close_client(consumer: AIOKafkaConsumer) -> None:
    """Close the connections of a consumer whose own end stopped halfway."""
    await consumer._client.close()


# A producer


async def know_topics(producer: AIOKafkaProducer, topics: AbstractSet[str]) -> None:
    """Ask for the partitions of all topics with one request, and not for one after the other."""
    known = producer.client._topics
    if not topics <= known:
        await producer.client.set_topics(known | topics)


async def close_sender(producer: AIOKafkaProducer) -> None:
    """What `stop` would do next, had it not waited for messages that never go out."""
    await producer._sender.close()


def sender_failure(producer: AIOKafkaProducer) -> BaseException | None:
    """What the task that sends died of; None while it works, or when it was ended."""
    task = producer._sender.sender_task
    if task is None or not task.done() or task.cancelled():
        return None
    failure: BaseException | None = task.exception()
    return failure


def has_stopped_sending(producer: AIOKafkaProducer) -> bool:
    return bool(producer._sender.sender_task.done())


def fail_waiting(producer: AIOKafkaProducer, error: Exception) -> None:
    """Tell whoever waits for messages of this producer that they will not go out."""
    producer._message_accumulator.fail_all(error)


def hear_failures(producer: AIOKafkaProducer) -> None:
    """Look at the failures that the library tells nobody.

    A batch that failed before it went out has a second future, and a transaction one that only its
    end looks at; the event loop would log each as an error that nobody retrieved. Whoever wrote
    the batch or began the transaction has heard by now.
    """
    accumulator = producer._message_accumulator
    batches = chain(accumulator._pending_batches, *accumulator._batches.values())
    futures = [future for batch in batches for future in (batch.future, batch._drain_waiter)]
    if producer._txn_manager is not None:
        futures.append(producer._txn_manager._transaction_waiter)
    for future in futures:
        if future is not None and future.done() and not future.cancelled():
            future.exception()
