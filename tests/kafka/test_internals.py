"""The private members of the Kafka client that we rest on are there, and do what we think."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, conn
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import CoordinationType
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.protocol.coordination import FindCoordinatorRequest

from pipeline.kafka import closing, internals
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.fetch_plan import plan_fetches
from pipeline.kafka.fetch_sessions import Refused
from pipeline.kafka.offset_lookup import OLDEST, offsets_at
from pipeline.kafka.producer import make_producer
from tests.conftest import Cluster
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import administering, create_topics, produce_batch


def test_the_version_is_the_one_that_was_read() -> None:
    """
    Another one may still have these members and mean something else by them.
    """
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    ("owner", "members"),
    [
        (
            GroupCoordinator,
            [
                "_send_req",
                "check_errors",
                "coordinator_dead",
                "ensure_coordinator_known",
                "request_rejoin",
            ],
        ),
        (AIOKafkaAdminClient, ["_send_request"]),
        (
            fetcher.Fetcher,
            ["_create_fetch_waiter", "_get_actions_per_node", "_notify", "_proc_fetch_request"],
        ),
        (fetcher.FetchResult, ["getall", "has_more", "check_assignment"]),
        (fetcher.FetchError, ["check_raise"]),
        (SubscriptionState, ["reassignment_in_progress", "subscription"]),
        (TopicPartitionState, ["has_valid_position", "position"]),
        (conn.AIOKafkaConnection, ["send", "close"]),
        (AbstractPartitionAssignor, ["assign", "metadata", "on_assignment"]),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else "",
)
def test_classes_have_what_we_call(owner: type, members: list[str]) -> None:
    assert [name for name in members if not hasattr(owner, name)] == []


@pytest.fixture
async def consumer(apache_kafka: Cluster, namespace: str) -> AsyncIterator[AIOKafkaConsumer]:
    """
    One that knows a group, with a partition of ten records that was given to it by hand.
    """
    await create_topics(apache_kafka, namespace)
    await produce_batch(apache_kafka, namespace, [b"%d" % number for number in range(10)])
    made = AIOKafkaConsumer(
        group_id=namespace,
        bootstrap_servers=apache_kafka.bootstrap_servers,
        auto_offset_reset="none",
        enable_auto_commit=False,
    )
    await made.start()
    made.assign([TopicPartition(namespace, 0)])
    yield made
    await closing.stop(made)


def planned(
    consumer: AIOKafkaConsumer, refused: Refused = lambda *_: None
) -> internals.ClientBuffers:
    """
    As a group has it.
    """
    return internals.ClientBuffers(consumer, plan_fetches(consumer, refused).look_at)


async def arrived(buffers: internals.ClientBuffers, tp: TopicPartition) -> None:
    async with asyncio.timeout(20):
        while tp not in buffers.waiting():
            await asyncio.wait([buffers.arrival()], timeout=0.2)


@pytest.mark.kafka
class TestConsumer:
    """
    What a group, its leases and its fetch loop look at.
    """

    async def test_a_member_of_a_group_knows_its_generation_and_raises_what_it_met(
        self, consumer: AIOKafkaConsumer
    ) -> None:
        member = internals.GroupMember(consumer)
        consumer._coordinator._pending_exception = kafka_errors.InconsistentGroupProtocolError()

        assert (member.generation, member.member_id, member.is_over) == (-1, "", False)
        with pytest.raises(kafka_errors.InconsistentGroupProtocolError):
            member.raise_errors()
        member.raise_errors()
        member.rejoin()
        assert consumer._coordinator._rejoin_needed_fut.done()

    async def test_records_wait_until_they_are_taken_and_a_pause_keeps_them(
        self, consumer: AIOKafkaConsumer, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        buffers = planned(consumer)
        buffers.seek(tp, 2)
        await arrived(buffers, tp)

        first = buffers.take(tp, 2)
        size, position = buffers.size(tp), buffers.position(tp)
        buffers.pause(tp)
        await asyncio.sleep(0.3)
        kept = list(buffers.waiting())
        buffers.resume(tp)
        rest = buffers.take(tp, 100, singly=True)

        assert [record.offset for record in first] == [2, 3]
        assert [record.offset for record in rest] == [4, 5, 6, 7, 8, 9]
        assert (kept, position, buffers.position(tp), buffers.end(tp)) == ([tp], 4, 10, 10)
        assert size > 0
        assert buffers.answered_ms(tp) is not None

    async def test_a_seek_throws_away_what_was_fetched(
        self, consumer: AIOKafkaConsumer, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        buffers = planned(consumer)
        buffers.seek(tp, 2)
        await arrived(buffers, tp)

        buffers.seek(tp, 7)
        waiting = list(buffers.waiting())
        await arrived(buffers, tp)

        assert waiting == []
        assert [record.offset for record in buffers.take(tp, 1)] == [7]

    async def test_an_error_of_a_partition_is_raised_to_whoever_takes_it_and_then_gone(
        self, consumer: AIOKafkaConsumer, namespace: str
    ) -> None:
        tp = TopicPartition(namespace, 0)
        refused: list[tuple[TopicPartition, type[Exception]]] = []
        buffers = planned(consumer, lambda *said: refused.append(said))
        buffers.seek(tp, 99)
        await arrived(buffers, tp)
        buffers.pause(tp)

        with pytest.raises(kafka_errors.OffsetOutOfRangeError):
            buffers.take(tp, 1)
        assert list(buffers.waiting()) == []
        assert (tp, kafka_errors.OffsetOutOfRangeError) in refused

    async def test_the_ends_of_a_partition_are_named_and_an_unknown_one_is_an_error_of_its_own(
        self, consumer: AIOKafkaConsumer, namespace: str
    ) -> None:
        tp, unknown = TopicPartition(namespace, 0), TopicPartition("unknown", 7)
        consumer.seek(tp, 0)
        await arrived(planned(consumer), tp)

        found = await offsets_at(consumer, [tp, unknown], OLDEST)

        assert found == {tp: 0, unknown: kafka_errors.LeaderNotAvailableError}

    async def test_the_leaders_of_many_topics_are_known_after_one_question(
        self, consumer: AIOKafkaConsumer, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        The library asks for one topic after the other: ten seconds for the lanes of two hundred.
        """
        topics = [f"{namespace}-{number}" for number in range(20)]
        await create_topics(apache_kafka, *topics)
        tps = [TopicPartition(topic, 0) for topic in (*topics, namespace)]

        await internals.know_topics(consumer._client, {tp.topic for tp in tps})

        client = consumer._client
        async with asyncio.timeout(20):
            # Topics that were just made may still lack a leader: to ask again names no new ones.
            while any(client.cluster.leader_for_partition(tp) is None for tp in tps):
                await client.force_metadata_update()

    async def test_what_the_fetching_task_died_of_is_raised(
        self, consumer: AIOKafkaConsumer
    ) -> None:
        internals.raise_fetcher_error(consumer)
        task = consumer._fetcher._fetch_task
        consumer._fetcher._fetch_task = asyncio.get_running_loop().create_future()
        consumer._fetcher._fetch_task.set_exception(kafka_errors.KafkaError("gone"))

        with pytest.raises(kafka_errors.KafkaError, match="gone"):
            internals.raise_fetcher_error(consumer)
        consumer._fetcher._fetch_task = task


@pytest.mark.kafka
async def test_a_broker_that_restarts_forgets_the_session_and_hands_out_what_comes_next(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    await create_topics(own_apache_kafka, namespace)
    await produce_batch(own_apache_kafka, namespace, [b"before"])
    options = ClientOptions(bootstrap_servers=own_apache_kafka.bootstrap_servers, client_id="test")
    consumer = AIOKafkaConsumer(
        **options.arguments(),
        group_id=namespace,
        auto_offset_reset="none",
        enable_auto_commit=False,
    )
    await consumer.start()
    tp = TopicPartition(namespace, 0)
    consumer.assign([tp])
    buffers = planned(consumer)
    try:
        buffers.seek(tp, 0)
        await arrived(buffers, tp)
        buffers.take(tp, 2)
        buffers.take(tp, 2)

        await asyncio.to_thread(own_apache_kafka.restart)
        await produce_batch(own_apache_kafka, namespace, [b"behind"])
        await arrived(buffers, tp)

        assert [record.value for record in buffers.take(tp, 2)] == [b"behind"]
    finally:
        await closing.stop(consumer)


class TestProducer:
    """
    What closing and replacing a producer needs.
    """

    async def test_its_parts_are_there(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", transactional_id="id")

        assert internals.sender_failure(producer) is None
        internals.fail_waiting(producer, kafka_errors.KafkaError("replaced"))
        internals.hear_failures(producer)
        assert producer._txn_manager is not None
        assert producer.client._topics == set()
        await closing.close(producer)

    @pytest.mark.kafka
    async def test_a_broker_that_leaves_during_a_lookup_of_the_coordinator_is_asked_again(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        """
        The task that sends would die of it, and the transaction with it.
        """
        await create_topics(apache_kafka, namespace)
        options = ClientOptions(bootstrap_servers=apache_kafka.bootstrap_servers, client_id="test")
        producer = make_producer(options, idempotent=True, transactional_id=namespace)
        await producer.start()
        leaving = LeavingBroker(producer.client.send)
        producer.client.send = leaving.send
        producer._sender._coordinator_dead(CoordinationType.TRANSACTION)

        async with producer.transaction():
            await producer.send_and_wait(namespace, b"message")

        assert leaving.asked == 2
        assert internals.sender_failure(producer) is None
        await closing.close(producer)

    @pytest.mark.kafka
    async def test_a_lookup_that_is_forbidden_is_not_tried_again(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        options = ClientOptions(bootstrap_servers=apache_kafka.bootstrap_servers, client_id="test")
        producer = make_producer(options, idempotent=True, transactional_id=namespace)
        forbidden = kafka_errors.TransactionalIdAuthorizationFailed(namespace)
        producer.client.send = LeavingBroker(producer.client.send, forbidden).send

        with pytest.raises(kafka_errors.TransactionalIdAuthorizationFailed):
            await producer.start()
        await closing.close(producer)


@pytest.mark.kafka
async def test_no_question_about_a_topic_makes_it(apache_kafka: Cluster, namespace: str) -> None:
    """
    The brokers would, with one partition and a retention; ours have other needs.
    """
    options = ClientOptions(bootstrap_servers=apache_kafka.bootstrap_servers, client_id="test")
    consumer = AIOKafkaConsumer(**options.arguments())
    await consumer.start()
    try:
        await consumer._client.set_topics([namespace])
        await asyncio.sleep(1)
        await consumer._client.force_metadata_update()
    finally:
        await consumer.stop()

    async with administering(apache_kafka) as admin:
        assert namespace not in await admin.list_topics()


BROKEN = kafka_errors.KafkaConnectionError("broken")


class LeavingBroker:
    """
    A line to the brokers that breaks once, between a lookup of the coordinator and its answer.
    """

    def __init__(
        self,
        send: Callable[..., Awaitable[object]],
        breaks_by: Exception = BROKEN,
    ) -> None:
        self._send = send
        self._breaks_by = breaks_by
        self.asked = 0

    async def send(self, node: int, request: object, **options: object) -> object:
        if isinstance(request, FindCoordinatorRequest):
            self.asked += 1
            if self.asked == 1:
                raise self._breaks_by
        return await self._send(node, request, **options)
