"""The topic of all memberships on real brokers: what a pass reads of it, and compaction beside."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    SPREAD,
    Layout,
    MemberRecord,
    encode_layout,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.member_topic import KafkaMemberTopic
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.ports import TopicUnreadable, Written
from tests.conftest import SEED, Cluster
from tests.fakes.member_topic import NOW_MS, RULES, UUID, VIP, add, identities, remove, row
from tests.integration.world import connection
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import administering, create_topics, producing, trim_to

PARTITIONS = 8
LAG_MS = 4000
"""Of the test's topic; a pass of it takes a small part of that."""
COMPACTED = {
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
    "min.compaction.lag.ms": str(LAG_MS),
    "max.compaction.lag.ms": str(2 * LAG_MS),
    "delete.retention.ms": str(LAG_MS),
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "1000",
}


async def read_all(topic: KafkaMemberTopic, partition: int, end: int) -> list[bytes | None]:
    return [one.value async for some in topic.read(partition, 0, end) for one in some]


async def test_ends_and_records_are_those_that_were_written(
    cluster: Cluster, namespace: str
) -> None:
    """
    Each partition is read to the end that was asked for before, and no further.
    """
    name = f"{namespace}.members.adobe"
    await create_topics(cluster, name, partitions=3)
    topic = KafkaMemberTopic(connection(cluster), name, partitions=3)
    values = [str(number).encode() for number in range(700)]
    async with producing(cluster) as producer:
        for value in values:
            await producer.send(name, value, partition=1)
        await producer.flush()
        ends = await topic.ends()
        await producer.send_and_wait(name, b"later", partition=1)

    assert list(ends) == [0, 700, 0]
    assert list(await topic.begins()) == [0, 0, 0]
    assert await read_all(topic, 0, ends[0]) == []
    assert await read_all(topic, 1, ends[1]) == values


@pytest.mark.kafka
async def test_an_open_transaction_is_behind_the_end_and_an_aborted_one_is_not_seen(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    A pass sees what is certain; where all records before the end were aborted it ends as well.
    """
    name = f"{namespace}.members.adobe"
    await create_topics(apache_kafka, name)
    topic = KafkaMemberTopic(connection(apache_kafka), name, partitions=1)
    async with producing(apache_kafka, transactional_id=f"{namespace}.ingest") as producer:
        async with producer.transaction():
            await producer.send_and_wait(name, b"certain", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(name, b"open", partition=0)
        while_open = await topic.ends()
        await producer.abort_transaction()
        afterwards = await topic.ends()

    assert list(while_open) == [2]
    assert list(afterwards) == [4]
    assert await read_all(topic, 0, afterwards[0]) == [b"certain"]


@pytest.mark.kafka
async def test_what_an_operator_deleted_from_the_start_is_not_waited_for(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    A partition is read from the first record that is still there.
    """
    name = f"{namespace}.members.adobe"
    await trim_to(apache_kafka, name, 2)
    topic = KafkaMemberTopic(connection(apache_kafka), name, partitions=1)

    assert list(await topic.begins()) == [2]
    assert await read_all(topic, 0, 4) == [b"3", b"4"]


async def test_brokers_that_are_away_are_worth_another_try() -> None:
    """
    A pass ends, and nobody takes the topic for empty.
    """
    away = ClientOptions(bootstrap_servers="127.0.0.1:1", client_id="test")
    topic = KafkaMemberTopic(away, "audience.members.adobe")

    with pytest.raises(TopicUnreadable):
        await topic.ends()
    with pytest.raises(TopicUnreadable):
        await read_all(topic, 0, 1)


@dataclass(slots=True)
class Upstream:
    """States what it likes of few members, in no order of time, and knows where each stands."""

    producer: AIOKafkaProducer
    topic: str
    chance: random.Random
    said: list[tuple[int, int, str, MemberRecord]] = field(default_factory=list)

    async def state_for_ever(self) -> None:
        while True:
            for _ in range(20):
                await self._state()
            await asyncio.sleep(0.02)

    async def lay_out(self) -> None:
        layout = encode_layout(Layout(UUID, PARTITIONS, SPREAD, HASH))
        for partition in range(PARTITIONS):
            await self.producer.send_and_wait(
                self.topic, layout, key=LAYOUT_KEY, partition=partition
            )

    def members(self, ends: Mapping[int, int]) -> list[str]:
        """Who is a member by the statements before these offsets."""
        newest: dict[str, MemberRecord] = {}
        for partition, offset, member, record in self.said:
            before = newest.get(member)
            if offset < ends[partition] and (before is None or record.rank >= before.rank):
                newest[member] = record
        return sorted(member for member, record in newest.items() if record.is_member)

    async def _state(self) -> None:
        member = f"u-{self.chance.randrange(200)}"
        at_ms = NOW_MS + self.chance.randrange(10**6)
        offset = len(self.said)
        is_member = self.chance.random() < 0.5
        record = (
            add(at_ms, offset=offset, identity=member)
            if is_member
            else remove(at_ms, offset=offset)
        )
        key = member_key(VIP.audience, member)
        partition = partition_of(key, partitions=PARTITIONS)
        sent = await self.producer.send_and_wait(
            self.topic, encode_member(record), key=key, partition=partition
        )
        self.said.append((partition, sent.offset, member, record))


@pytest.mark.kafka
async def test_every_pass_finds_the_winners_while_kafka_compacts_and_changes_keep_arriving(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    """
    Passes within half the lag of every change keep what compaction would take.

    Of each member of each file upstream's own list says whether it is right, for the end that the
    pass had. It goes on until compaction took most of what was written.
    """
    name = f"{namespace}.members.adobe"
    await clean_often(own_apache_kafka)
    await create_topics(own_apache_kafka, name, partitions=PARTITIONS, settings=COMPACTED)
    topic = KafkaMemberTopic(connection(own_apache_kafka), name, partitions=PARTITIONS)
    passes = 0
    async with producing(own_apache_kafka) as producer, changing(producer, name) as upstream:
        began_at = time.monotonic()
        while not await is_compacted(topic) or passes < 20:
            assert time.monotonic() < began_at + 90, "Kafka does not compact"
            ends = await topic.ends()
            membership = MembershipPass(
                topic=topic,
                topic_name=name,
                audience=VIP,
                rules=RULES,
                row=row,
                ends=ends,
                now_ms=NOW_MS,
                uuid=UUID,
                write=writing(producer),
            )
            started_at = time.monotonic()
            found = await identities(membership)
            took = time.monotonic() - started_at
            if took < LAG_MS / 2000:
                passes += 1
                assert found == upstream.members(dict(enumerate(ends)))


@asynccontextmanager
async def changing(producer: AIOKafkaProducer, topic: str) -> AsyncIterator[Upstream]:
    upstream = Upstream(producer, topic, random.Random(SEED))
    await upstream.lay_out()
    async with asyncio.TaskGroup() as tasks:
        stating = tasks.create_task(upstream.state_for_ever(), name="upstream")
        yield upstream
        stating.cancel()


def writing(producer: AIOKafkaProducer) -> Callable[[Sequence[Written]], Awaitable[None]]:
    async def write(messages: Sequence[Written]) -> None:
        for one in messages:
            await producer.send(
                one.topic, one.value, key=one.key, partition=one.partition, headers=[*one.headers]
            )
        await producer.flush()

    return write


async def is_compacted(topic: KafkaMemberTopic) -> bool:
    """Whether most of the records of the topic are gone."""
    ends = await topic.ends()
    there = sum([len(await read_all(topic, number, end)) for number, end in enumerate(ends)])
    return there > 0 and sum(ends) > 2 * there


async def clean_often(cluster: Cluster) -> None:
    """Let the broker look for something to compact ten times a second, and not every 15 seconds."""
    settings = {"log.cleaner.backoff.ms": "100"}
    async with administering(cluster) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", settings)])
