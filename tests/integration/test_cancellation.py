"""Whatever waits for the brokers can be stopped: no cancellation is lost, wherever it arrives."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial

import pytest
from aiokafka import TopicPartition
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import OutOfOrderSequenceNumber
from aiokafka.protocol.metadata import MetadataRequest

from pipeline.configuration.model import Settings
from pipeline.kafka.client_mends import steady_connections
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.group_lag import GroupLag, LagUnknown
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.kafka.placed_writer import placed_writer
from pipeline.kafka.replay import KafkaReplay
from pipeline.kafka.topic_reader import TopicReader
from pipeline.kafka.transactional_producer import TransactionalProducer, transaction
from pipeline.kafka.trimmer import KafkaTrimmer
from pipeline.operations.cluster_setup import client_options, prepare
from pipeline.operations.producing import shared_producer
from tests.cancelled import cancelled_at_each_wait
from tests.conftest import Cluster
from tests.fakes.telemetry import RecordingTelemetry
from tests.integration.test_member_layout import make_topics, put, settings_of

Work = Callable[[Settings], Coroutine[object, None, None]]

NOBODY = ClientOptions(bootstrap_servers="127.0.0.1:1", client_id="test")


async def start(settings: Settings) -> None:
    await prepare(settings, creates=False)


async def reading(settings: Settings) -> None:
    async with TopicReader(client_options(settings.kafka), committed_only=True) as reader:
        await reader.oldest([TopicPartition(settings.sources[0].topic, 0)])


async def writing(settings: Settings) -> None:
    async with placed_writer(client_options(settings.kafka), patience=10.0):
        pass


async def replacing(settings: Settings) -> None:
    async with shared_producer(settings.kafka, patience=10.0) as producers:
        await producers.replace_if_broken(producers.current, [OutOfOrderSequenceNumber()])


async def transactions(settings: Settings) -> None:
    topic = settings.sources[0].topic
    producer = TransactionalProducer(
        client_options(settings.kafka),
        transactional_id=f"{settings.kafka.namespace}.test",
        transaction_timeout=10.0,
        topic=topic,
    )
    try:
        opened = await producer.open()
        async with transaction(opened):
            await (await opened.send(topic, b"value", b"key"))
        await producer.failed(OutOfOrderSequenceNumber())
        await producer.open()
    finally:
        await producer.close()


async def replay(settings: Settings) -> None:
    topic = settings.sources[0].topic
    replay = KafkaReplay(
        client_options(settings.kafka), topic, read_committed=True, telemetry=RecordingTelemetry()
    )
    try:
        await replay.read(0, 10)
    finally:
        await replay.close()


async def members(settings: Settings) -> None:
    topic = settings.sources[0].topic
    async with KafkaMemberTopic(client_options(settings.kafka), topic, partitions=1) as members:
        await members.look()
        async for _ in members.read(0, 0, 1):
            pass


async def lag(settings: Settings) -> None:
    lag = GroupLag(
        client_options(settings.kafka), {"test": [settings.sources[0].topic]}, read_committed=True
    )
    try:
        with suppress(LagUnknown):
            await lag.lags([])
    finally:
        await lag.close()


async def trimming(settings: Settings) -> None:
    trimmer = KafkaTrimmer(client_options(settings.kafka))
    await trimmer.trim(settings.sources[0].topic, settled=5, before_ms=0)


async def brokers_that_are_away(_: Settings) -> None:
    with suppress(ClusterTrouble):
        async with admin_client(NOBODY, patience=0.8):
            pass


WORK: Mapping[str, Work] = {
    work.__name__: work
    for work in (
        start,
        reading,
        writing,
        replacing,
        transactions,
        replay,
        members,
        lag,
        trimming,
        brokers_that_are_away,
    )
}


@pytest.mark.kafka
@pytest.mark.parametrize("is_late", [False, True], ids=["waiting", "answered"])
@pytest.mark.parametrize("name", WORK)
async def test_no_cancellation_is_lost(
    apache_kafka: Cluster, namespace: str, name: str, is_late: bool
) -> None:
    """
    Otherwise a stop would end nothing, or somebody would wait for longer than he said. The waits
    are tried one after the other, until the work is over before it is cancelled.
    """
    settings = settings_of(apache_kafka, namespace, exactly_once=True)
    await make_topics(apache_kafka, settings.sources[0].topic)
    await put(apache_kafka, settings.sources[0].topic, 0, b"key", b"value")
    if name == "start":
        await prepare(settings, creates=True)

    work = partial(WORK[name], settings)
    ends = [is_right async for is_right in cancelled_at_each_wait(work, is_late=is_late)]

    assert len(ends) > 3
    assert [number for number, is_right in enumerate(ends) if not is_right] == []


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_start_that_is_stopped_leaves_no_connection_open(
    cluster: Cluster, is_kept: bool
) -> None:
    """
    A connection that the client keeps stays open: others wait for answers on it, too.
    """
    steady_connections()
    host, port = cluster.bootstrap_servers.split(":")
    kept = {"on_close": lambda _connection, _reason: None} if is_kept else {}
    connection = await create_conn(host, int(port), **kept)
    try:
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(answer(connection))
            await asyncio.sleep(0)
            asking.cancel()

        assert asking.cancelled()
        assert connection.connected() == is_kept
    finally:
        connection.close()


async def answer(connection: AIOKafkaConnection) -> object:
    return await connection.send(MetadataRequest([]))
