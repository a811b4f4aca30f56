"""What must not be lost is written through a restart of the broker."""

import asyncio

import pytest
from aiokafka import TopicPartition

from pipeline.domain.message import Message
from tests.conftest import Cluster
from tests.integration.world import message_writer
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import create_topics, reading, take

pytestmark = pytest.mark.kafka


async def test_writing_goes_on_through_a_restart_and_returns_only_when_it_is_durable(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    await create_topics(own_apache_kafka, namespace)
    returned = 0

    async def restart() -> None:
        await asyncio.to_thread(own_apache_kafka.stop)
        away.set()
        await asyncio.to_thread(own_apache_kafka.start)
        back.set()

    away, back = asyncio.Event(), asyncio.Event()
    async with message_writer(own_apache_kafka) as messages:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(restart())
            while not back.is_set() or returned < 20:
                began_away = away.is_set() and not back.is_set()
                await messages.write([Message(namespace, b"key", b"%d" % returned, ())])
                assert not began_away or back.is_set()
                returned += 1
        await asyncio.to_thread(own_apache_kafka.kill)
        await asyncio.to_thread(own_apache_kafka.start)
        async with reading(own_apache_kafka) as consumer:
            consumer.assign([TopicPartition(namespace, 0)])
            read = [record.value for record in await take(consumer, returned)]

    assert sorted(set(read), key=lambda value: int(value or b"")) == [
        b"%d" % number for number in range(returned)
    ]


async def test_a_producer_whose_numbering_is_broken_is_replaced_and_all_is_written(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    A partition that was without a leader for too long has had a batch fail, and its number is
    gone: the broker takes none of that producer any more, however long it is tried.
    """
    await create_topics(apache_kafka, namespace)
    tp = TopicPartition(namespace, 0)

    async with message_writer(apache_kafka) as messages:
        await messages.write([Message(namespace, b"key", b"0", ())])
        first = messages._producers.current
        first._txn_manager.increment_sequence_number(tp, 3)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            for number in range(1, 6):
                text = b"%d" % number
                tasks.create_task(messages.write([Message(namespace, b"key", text, ())]))
        async with reading(apache_kafka) as consumer:
            consumer.assign([tp])
            read = {record.value for record in await take(consumer, 6)}

        assert messages._producers.current is not first
    assert read == {b"%d" % number for number in range(6)}
