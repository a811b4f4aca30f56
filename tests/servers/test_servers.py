"""What the tests may rely on from the two brokers, and what the embedded one is not good for."""

import asyncio

import pytest
from aiokafka import TopicPartition, conn
from aiokafka.errors import KafkaConnectionError, UnknownError
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.client_mends import SteadyConnection
from tests.conftest import Cluster
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import (
    PATIENCE,
    batch,
    commit_and_read_back,
    commit_in,
    committed_offset,
    create_topics,
    end_after_a_batch_of_five,
    error_for_unknown_topic,
    member,
    offset_for_times,
    produce_batch,
    producing,
    reading,
    records_of,
    take,
    timestamp_type,
    trim_to,
)

_TOPIC_ALREADY_EXISTS = 36
_UNKNOWN_TOPIC = 3
_CREATE_TIME, _LOG_APPEND_TIME = 0, 1


@pytest.fixture(autouse=True)
def connections_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What a broker does is asked without what our own connections mend.
    """
    monkeypatch.setattr(conn, "AIOKafkaConnection", SteadyConnection.__base__)


@pytest.fixture(
    params=[
        pytest.param("embedded_broker", id="embedded"),
        pytest.param("apache_kafka", id="apache", marks=pytest.mark.kafka),
    ]
)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(request.param)
    return found


class TestBothBrokers:
    async def test_a_record_arrives_whole(self, cluster: Cluster, namespace: str) -> None:
        headers = [("format", b"\x00\xff"), ("again", b"1"), ("again", b"2"), ("empty", b"")]
        await create_topics(cluster, namespace)

        async with producing(cluster) as producer:
            await producer.send_and_wait(namespace, b"value", key=b"key", headers=headers)
        [record] = await records_of(cluster, namespace, count=1)

        assert (record.key, record.value) == (b"key", b"value")
        assert list(record.headers) == headers

    async def test_a_prepared_batch_arrives_in_order(
        self, cluster: Cluster, namespace: str
    ) -> None:
        values = [b"%d" % number for number in range(500)]
        await create_topics(cluster, namespace)

        await produce_batch(cluster, namespace, values)

        read = await records_of(cluster, namespace, count=500)
        assert [record.value for record in read] == values
        assert [record.offset for record in read] == list(range(500))

    async def test_a_later_member_of_a_group_goes_on_where_the_last_commit_was(
        self, cluster: Cluster, namespace: str
    ) -> None:
        await create_topics(cluster, namespace)
        await produce_batch(cluster, namespace, [b"1", b"2", b"3"])
        async with member(cluster, namespace) as first:
            read = await take(first, 3)
            await first.commit({TopicPartition(namespace, 0): 2})

        async with member(cluster, namespace) as later:
            again = await take(later, 1)

        assert [record.value for record in read] == [b"1", b"2", b"3"]
        assert [record.value for record in again] == [b"3"]

    async def test_two_members_of_a_group_share_its_topics(
        self, cluster: Cluster, namespace: str
    ) -> None:
        await create_topics(cluster, namespace, partitions=4)

        async with member(cluster, namespace) as one, member(cluster, namespace) as two:
            async with asyncio.timeout(PATIENCE):
                while not (len(one.assignment()) == 2 == len(two.assignment())):
                    await one.getmany(timeout_ms=50)
                    await two.getmany(timeout_ms=50)

            assert one.assignment().isdisjoint(two.assignment())

    async def test_a_hundred_topics_are_no_trouble(self, cluster: Cluster, namespace: str) -> None:
        topics = [f"{namespace}.records.{number}" for number in range(100)]
        await create_topics(cluster, *topics)

        async with producing(cluster) as producer:
            for topic in topics:
                await producer.send_and_wait(topic, topic.encode())
        read = await records_of(cluster, *topics, count=100)

        assert {record.topic: record.value for record in read} == {
            topic: topic.encode() for topic in topics
        }

    async def test_creating_a_topic_again_says_that_it_exists(
        self, cluster: Cluster, namespace: str
    ) -> None:
        assert await create_topics(cluster, namespace) == [0]

        assert await create_topics(cluster, namespace) == [_TOPIC_ALREADY_EXISTS]

    async def test_large_records_pass_up_to_a_megabyte(
        self, cluster: Cluster, namespace: str
    ) -> None:
        await create_topics(cluster, namespace)

        await produce_batch(cluster, namespace, [b"x" * 900_000])

        [record] = await records_of(cluster, namespace, count=1)
        assert record.value == b"x" * 900_000


class TestWhatOnlyApacheKafkaDoes:
    """Each with the answer of the embedded broker beside it: promises on these need Apache."""

    @pytest.mark.kafka
    async def test_a_transaction_commits_records_and_offset_together(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        source = TopicPartition(f"{namespace}.source", 0)
        # aiokafka tries an offset of a missing topic again for ever, and its `stop` waits for that.
        await create_topics(apache_kafka, namespace, source.topic)
        async with producing(apache_kafka, transactional_id=namespace) as producer:
            async with producer.transaction():
                sent = await producer.send_batch(batch(producer, [b"kept"]), namespace, partition=0)
                await producer.send_offsets_to_transaction({source: 7}, namespace)
            await sent
            await producer.begin_transaction()
            await producer.send(namespace, b"aborted")
            await producer.send_offsets_to_transaction({source: 9}, namespace)
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send(namespace, b"kept as well")

        read = await records_of(apache_kafka, namespace, count=2)
        committed = await committed_offset(apache_kafka, namespace, source)

        assert [record.value for record in read] == [b"kept", b"kept as well"]
        assert committed.offset == 7

    async def test_the_embedded_broker_refuses_transactional_and_idempotent_producers(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        for options in ({"transactional_id": namespace}, {"enable_idempotence": True}):
            with pytest.raises(UnknownError):
                async with producing(embedded_broker, **options):
                    pass

    @pytest.mark.kafka
    async def test_the_metadata_of_a_commit_is_kept(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        assert await commit_and_read_back(apache_kafka, namespace) == OffsetAndMetadata(5, "clean")

    async def test_the_embedded_broker_drops_the_metadata_of_a_commit(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        assert await commit_and_read_back(embedded_broker, namespace) == OffsetAndMetadata(5, "")

    @pytest.mark.kafka
    async def test_the_end_of_a_partition_counts_every_record(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        assert await end_after_a_batch_of_five(apache_kafka, namespace) == 5

    async def test_the_embedded_broker_names_the_end_of_a_partition_too_low(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        """
        ListOffsets counts its last batch as one record. The high tracker of a fetch is right.
        """
        assert await end_after_a_batch_of_five(embedded_broker, namespace) == 1

        [*_, last] = await records_of(embedded_broker, namespace, count=5)
        assert last.offset == 4

    @pytest.mark.kafka
    async def test_offsets_are_found_by_time(self, apache_kafka: Cluster, namespace: str) -> None:
        assert await offset_for_times(apache_kafka, namespace, [1000, 2000], at=2000) == 1
        assert await offset_for_times(apache_kafka, namespace, [1000], at=3000) is None

    async def test_the_embedded_broker_does_not_look_at_the_time(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        assert await offset_for_times(embedded_broker, namespace, [1000, 2000], at=2000) == 0

    @pytest.mark.kafka
    async def test_records_are_trimmed(self, apache_kafka: Cluster, namespace: str) -> None:
        await trim_to(apache_kafka, namespace, 3)

        async with reading(apache_kafka) as consumer:
            partition = TopicPartition(namespace, 0)
            assert await consumer.beginning_offsets([partition]) == {partition: 3}

    async def test_the_embedded_broker_hangs_up_when_asked_to_trim(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        with pytest.raises(KafkaConnectionError):
            await trim_to(embedded_broker, namespace, 3)

    @pytest.mark.kafka
    async def test_the_broker_stamps_records_where_the_topic_says_so(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        assert await timestamp_type(apache_kafka, namespace) == _LOG_APPEND_TIME

    async def test_the_embedded_broker_stores_topic_settings_and_ignores_them(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        assert await timestamp_type(embedded_broker, namespace) == _CREATE_TIME

    @pytest.mark.kafka
    async def test_asking_for_a_topic_does_not_create_it(
        self, apache_kafka: Cluster, namespace: str
    ) -> None:
        assert await error_for_unknown_topic(apache_kafka, namespace) == _UNKNOWN_TOPIC

    async def test_the_embedded_broker_creates_a_topic_that_is_asked_for(
        self, embedded_broker: Cluster, namespace: str
    ) -> None:
        """
        Even for an admin client, and with four partitions: create topics before naming them.
        """
        assert await error_for_unknown_topic(embedded_broker, namespace) == 0


@pytest.mark.kafka
def test_a_restarted_or_crashed_apache_kafka_keeps_its_records_commits_and_address(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    address = own_apache_kafka.bootstrap_servers
    asyncio.run(create_topics(own_apache_kafka, namespace))
    asyncio.run(produce_batch(own_apache_kafka, namespace, [b"before"]))
    asyncio.run(commit_in(own_apache_kafka, namespace))

    own_apache_kafka.restart()
    asyncio.run(produce_batch(own_apache_kafka, namespace, [b"between"]))
    own_apache_kafka.kill()
    own_apache_kafka.start()
    asyncio.run(produce_batch(own_apache_kafka, namespace, [b"after"]))

    read = asyncio.run(records_of(own_apache_kafka, namespace, count=3))
    assert [record.value for record in read] == [b"before", b"between", b"after"]
    assert own_apache_kafka.bootstrap_servers == address
    source = TopicPartition(namespace, 0)
    assert asyncio.run(committed_offset(own_apache_kafka, namespace, source)).offset == 5
