"""What the tests may rely on from the two brokers, and what the embedded one is not good for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaConnectionError, UnknownError
from aiokafka.structs import OffsetAndMetadata

from tests.conftest import Cluster
from tests.servers.apache_kafka import ApacheKafka

_TOPIC_ALREADY_EXISTS = 36
_UNKNOWN_TOPIC = 3
_CREATE_TIME, _LOG_APPEND_TIME = 0, 1
_PATIENCE = 60.0  # a group of the embedded broker was seen to take 18 s to take a member in


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
            async with asyncio.timeout(_PATIENCE):
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
        await create_topics(apache_kafka, namespace)
        source = TopicPartition(f"{namespace}.source", 0)
        async with producing(apache_kafka, transactional_id=namespace) as producer:
            async with producer.transaction():
                sent = await producer.send_batch(batch(producer, [b"kept"]), namespace, partition=0)
                await producer.send_offsets_to_transaction({source: 7}, f"{namespace}.group")
            await sent
            with pytest.raises(InterruptedError):
                async with producer.transaction():
                    await producer.send(namespace, b"aborted")
                    await producer.send_offsets_to_transaction({source: 9}, f"{namespace}.group")
                    raise InterruptedError
            async with producer.transaction():
                await producer.send(namespace, b"kept as well")

        read = await records_of(apache_kafka, namespace, count=2)
        committed = await committed_offset(apache_kafka, f"{namespace}.group", source)

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
        ListOffsets counts its last batch as one record. The high watermark of a fetch is right.
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


@asynccontextmanager
async def administering(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def producing(cluster: Cluster, **options: object) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=cluster.bootstrap_servers, **{"acks": "all", **options}
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def reading(cluster: Cluster, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap_servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        heartbeat_interval_ms=1000,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def member(cluster: Cluster, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with reading(cluster, group=f"{topic}.group") as consumer:
        consumer.subscribe([topic])
        yield consumer


async def create_topics(
    cluster: Cluster, *topics: str, partitions: int = 1, settings: dict[str, str] | None = None
) -> list[int]:
    """Create them and return the broker's error code for each."""
    wanted = [NewTopic(topic, partitions, 1, topic_configs=settings or {}) for topic in topics]
    async with administering(cluster) as admin:
        answer = await admin.create_topics(wanted)
    return [code for _, code, *_ in answer.topic_errors]


def batch(
    producer: AIOKafkaProducer, values: Sequence[bytes], timestamps: Sequence[int] = ()
) -> object:
    built = producer.create_batch()
    for number, value in enumerate(values):
        timestamp = timestamps[number] if timestamps else None
        assert built.append(key=None, value=value, timestamp=timestamp) is not None
    built.close()
    return built


async def produce_batch(cluster: Cluster, topic: str, values: Sequence[bytes]) -> None:
    async with producing(cluster) as producer:
        await (await producer.send_batch(batch(producer, values), topic, partition=0))


async def take(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    taken: list[ConsumerRecord[bytes, bytes]] = []
    async with asyncio.timeout(_PATIENCE):
        while len(taken) < count:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                taken.extend(records)
    return taken


async def records_of(
    cluster: Cluster, *topics: str, count: int
) -> list[ConsumerRecord[bytes, bytes]]:
    async with reading(cluster) as consumer:
        consumer.assign([TopicPartition(topic, 0) for topic in topics])
        return await take(consumer, count)


async def commit_in(cluster: Cluster, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    async with reading(cluster, group=topic) as consumer:
        consumer.assign([partition])
        await consumer.commit({partition: OffsetAndMetadata(5, "clean")})


async def committed_offset(
    cluster: Cluster, group: str, partition: TopicPartition
) -> OffsetAndMetadata:
    async with administering(cluster) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=[partition])
        return found[partition]


async def commit_and_read_back(cluster: Cluster, topic: str) -> OffsetAndMetadata:
    await create_topics(cluster, topic)
    await commit_in(cluster, topic)
    return await committed_offset(cluster, topic, TopicPartition(topic, 0))


async def end_after_a_batch_of_five(cluster: Cluster, topic: str) -> int:
    await create_topics(cluster, topic)
    await produce_batch(cluster, topic, [b"1", b"2", b"3", b"4", b"5"])
    partition = TopicPartition(topic, 0)
    async with reading(cluster) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets([partition])
    return ends[partition]


async def offset_for_times(
    cluster: Cluster, namespace: str, timestamps: Sequence[int], at: int
) -> int | None:
    topic = f"{namespace}.{at}"
    await create_topics(cluster, topic, settings={"retention.ms": "-1"})
    async with producing(cluster) as producer:
        for timestamp in timestamps:
            await producer.send_and_wait(topic, b"", partition=0, timestamp_ms=timestamp)
    partition = TopicPartition(topic, 0)
    async with reading(cluster) as consumer:
        found = (await consumer.offsets_for_times({partition: at}))[partition]
    return None if found is None else found.offset


async def trim_to(cluster: Cluster, topic: str, offset: int) -> None:
    await create_topics(cluster, topic)
    await produce_batch(cluster, topic, [b"1", b"2", b"3", b"4", b"5"])
    async with administering(cluster) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(offset)})


async def timestamp_type(cluster: Cluster, topic: str) -> int:
    await create_topics(cluster, topic, settings={"message.timestamp.type": "LogAppendTime"})
    await produce_batch(cluster, topic, [b"1"])
    [record] = await records_of(cluster, topic, count=1)
    return record.timestamp_type


async def error_for_unknown_topic(cluster: Cluster, topic: str) -> int:
    async with administering(cluster) as admin:
        [described] = await admin.describe_topics([topic])
    code: int = described["error_code"]
    return code
