"""The writer of an owner of snapshots: all of a call or nothing, and one owner at a time."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from pipeline.kafka.owner_writer import TransactionalOwnerWriter
from pipeline.stages.snapshot.ports import Fenced, Written
from tests.conftest import Cluster
from tests.fakes.lane_world import LaneTopic, TopicLease
from tests.integration.world import connection
from tests.servers.kafka_clients import create_topics, reading, take

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def writing(cluster: Cluster, namespace: str) -> AsyncIterator[TransactionalOwnerWriter]:
    writer = TransactionalOwnerWriter(
        connection(cluster),
        transactional_id=f"{namespace}.snapshot.adobe",
        transaction_timeout=15.0,
        lease=TopicLease(LaneTopic()),
    )
    await writer.open()
    try:
        yield writer
    finally:
        await writer.close()


async def test_what_is_written_says_where_it_stands(apache_kafka: Cluster, namespace: str) -> None:
    """A snapshot's number is the offset of what begins it; markers of transactions count, too."""
    topic, other = f"{namespace}.snapshots.adobe", f"{namespace}.members.adobe"
    await create_topics(apache_kafka, topic)
    await create_topics(apache_kafka, other, partitions=3)

    async with writing(apache_kafka, namespace) as writer:
        first = await writer.write(
            [Written(topic, 0, b"a|1", b"1"), Written(topic, 0, b"r|1", b"2")]
        )
        second = await writer.write(
            [Written(topic, 0, b"a|1", None), Written(other, 2, b"k", b"3")]
        )

    assert (first, second) == ([0, 1], [3, 0])
    async with reading(apache_kafka) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        found = await take(consumer, 3)
        assert [one.offset for one in found] == [0, 1, 3]


async def test_a_former_owner_that_wakes_up_writes_nothing(
    apache_kafka: Cluster, namespace: str
) -> None:
    """Its successor has taken the id: whatever it wanted to say of a run must not count."""
    topic = f"{namespace}.snapshots.adobe"
    await create_topics(apache_kafka, topic)

    async with writing(apache_kafka, namespace) as former:
        await former.write([Written(topic, 0, b"a|1", b"reading")])
        async with writing(apache_kafka, namespace) as successor:
            with pytest.raises(Fenced):
                await former.write([Written(topic, 0, b"a|1", b"intended")])
            await successor.write([Written(topic, 0, b"a|1", b"uploaded")])

    async with reading(apache_kafka) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        assert [one.value for one in await take(consumer, 2)] == [b"reading", b"uploaded"]


async def test_of_several_messages_that_a_newer_owner_shuts_out_nobody_complains_later(
    apache_kafka: Cluster, namespace: str
) -> None:
    """The first failure is told, and the others are no errors that nobody looked at."""
    topic, other = f"{namespace}.snapshots.adobe", f"{namespace}.members.adobe"
    await create_topics(apache_kafka, topic)
    await create_topics(apache_kafka, other)
    complaints: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, said: complaints.append(said["message"]))

    async with writing(apache_kafka, namespace) as former:
        await former.write([Written(topic, 0, b"a", b"1"), Written(other, 0, b"a", b"1")])
        async with writing(apache_kafka, namespace):
            with pytest.raises(Fenced):
                await former.write([Written(topic, 0, b"a", b"2"), Written(other, 0, b"a", b"2")])
    gc.collect()
    await asyncio.sleep(0)

    assert complaints == []
