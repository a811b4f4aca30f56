"""What must not be lost is written through a restart of the broker."""

import asyncio

import pytest
from aiokafka import TopicPartition

from pipeline.adapters.kafka.producer import KafkaJournal, make_producer
from pipeline.core.messages import Message
from tests.integration.world import connection
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import create_topics, reading, take

pytestmark = pytest.mark.kafka


async def test_writing_goes_on_through_a_restart_and_returns_only_when_it_is_durable(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    await create_topics(own_apache_kafka, namespace)
    producer = make_producer(connection(own_apache_kafka), idempotent=True)
    await producer.start()
    journal = KafkaJournal(producer)
    returned = 0

    async def restart() -> None:
        await asyncio.to_thread(own_apache_kafka.stop)
        away.set()
        await asyncio.to_thread(own_apache_kafka.start)
        back.set()

    away, back = asyncio.Event(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(restart())
            while not back.is_set() or returned < 20:
                began_away = away.is_set() and not back.is_set()
                await journal.write([Message(namespace, b"key", b"%d" % returned, ())])
                assert not began_away or back.is_set()
                returned += 1
        await asyncio.to_thread(own_apache_kafka.kill)
        await asyncio.to_thread(own_apache_kafka.start)
        async with reading(own_apache_kafka) as consumer:
            consumer.assign([TopicPartition(namespace, 0)])
            read = [record.value for record in await take(consumer, returned)]
    finally:
        await producer.stop()

    assert sorted(set(read), key=lambda value: int(value or b"")) == [
        b"%d" % number for number in range(returned)
    ]
