"""The topic of all memberships on real brokers: what a pass reads of it, and compaction beside."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
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
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.ports import TopicUnreadable, Written
from tests.conftest import SEED, Cluster
from tests.fakes.member_topic import NOW_MS, RULES, UUID, VIP, add, identities, remove, row
from tests.integration.world import connection
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import administering, create_topics, producing, trim_to

PARTITIONS = 8
LAGS = (10, 30, 60)
"""Seconds for which compaction leaves a record alone; a pass takes a small part of the first."""


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
    values = [str(number).encode() for number in range(700)]
    async with (
        KafkaMemberTopic(connection(cluster), name, partitions=3) as topic,
        producing(cluster) as producer,
    ):
        for value in values:
            await producer.send(name, value, partition=1)
        await producer.flush()
        ends = await topic.ends()
        await producer.send_and_wait(name, b"later", partition=1)

        assert list(ends) == [0, 700, 0]
        assert await read_all(topic, 0, ends[0]) == []
        assert await read_all(topic, 1, ends[1]) == values


async def test_readings_that_go_on_at_once_or_are_left_do_not_disturb_each_other(
    cluster: Cluster, namespace: str
) -> None:
    """
    A pass reads beside who follows changes, and a client that was used before begins anew.
    """
    name = f"{namespace}.members.adobe"
    await create_topics(cluster, name, partitions=2)
    values = [str(number).encode() for number in range(700)]
    async with (
        KafkaMemberTopic(connection(cluster), name, partitions=2) as topic,
        producing(cluster) as producer,
    ):
        for value in values:
            await producer.send(name, value, partition=0)
            await producer.send(name, value, partition=1)
        await producer.flush()
        left = topic.read(0, 0, 700)
        first = await anext(left)
        both = [
            [one.value async for some in topic.read(number, 600, 700) for one in some]
            for number in (0, 1, 0)
        ]
        await left.aclose()

        assert [one.value for one in first] == values[: len(first)]
        assert both == [values[600:]] * 3
        assert await read_all(topic, 1, 700) == values


@pytest.mark.kafka
async def test_an_open_transaction_is_behind_the_end_and_an_aborted_one_is_not_seen(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    A pass sees what is certain; where all records before the end were aborted it ends as well.
    """
    name = f"{namespace}.members.adobe"
    await create_topics(apache_kafka, name)
    async with (
        KafkaMemberTopic(connection(apache_kafka), name, partitions=1) as topic,
        producing(apache_kafka, transactional_id=f"{namespace}.ingest") as producer,
    ):
        async with producer.transaction():
            await producer.send_and_wait(name, b"certain", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(name, b"open", partition=0)
        while_open, with_more = await topic.look()
        await producer.abort_transaction()
        afterwards, with_nothing_more = await topic.look()

        assert list(while_open) == [2]
        assert (list(with_more), list(with_nothing_more)) == ([0], [])
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
    async with KafkaMemberTopic(connection(apache_kafka), name, partitions=1) as topic:
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
class CountingTopic:
    """Knows how much of the topic the last pass has found."""

    topic: KafkaMemberTopic
    written: int = 0
    read_again: int = 0

    @property
    def partitions(self) -> int:
        return self.topic.partitions

    @property
    def is_compacted(self) -> bool:
        """Whether most of what was written is gone."""
        return self.written > 2 * self.read_again > 0

    async def close(self) -> None:
        await self.topic.close()

    async def ends(self) -> Sequence[int]:
        ends = await self.topic.ends()
        self.written, self.read_again = sum(ends), 0
        return ends

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[Record], None]:
        async with aclosing(self.topic.read(partition, start, end)) as read:
            async for records in read:
                self.read_again += len(records)
                yield records


@dataclass(slots=True)
class Upstream:
    """States what it likes of few members, in no order of time, and knows where each stands."""

    producer: AIOKafkaProducer
    topic: str
    chance: random.Random
    said: list[tuple[int, int, str, MemberRecord]] = field(default_factory=list)

    async def state_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
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
    pass had. It goes on until compaction took most of what was written. A machine on which a pass
    takes too long for the lag gets a longer one.
    """
    await clean_often(own_apache_kafka)
    for lag in LAGS:
        files = await files_while_compacting(own_apache_kafka, f"{namespace}-{lag}", lag)
        if files is not None:
            return
    pytest.fail(f"this machine is too slow for a lag of {LAGS[-1]} s")


async def files_while_compacting(
    cluster: ApacheKafka, namespace: str, lag: int
) -> Sequence[Sequence[str]] | None:
    """The members of every file, compared; None where a pass came later than half the lag."""
    name = f"{namespace}.members.adobe"
    await create_topics(cluster, name, partitions=PARTITIONS, settings=compacted(lag))
    files: list[tuple[Sequence[int], list[str]]] = []
    async with (
        KafkaMemberTopic(connection(cluster), name, partitions=PARTITIONS) as topic,
        producing(cluster) as producer,
        changing(producer, name) as upstream,
    ):
        counting = CountingTopic(topic)
        began_at = last_at = time.monotonic()
        while not counting.is_compacted or len(files) < 10:
            assert time.monotonic() < began_at + 60 + 3 * lag, "Kafka does not compact"
            ends = await counting.ends()
            membership = MembershipPass(
                topic=counting,
                topic_name=name,
                audience=VIP,
                rules=RULES,
                row=row,
                ends=ends,
                now_ms=NOW_MS,
                uuid=UUID,
                write=writing(producer),
            )
            files.append((ends, await identities(membership)))
            ended_at = time.monotonic()
            if ended_at > last_at + lag / 2:
                return None
            last_at = ended_at
    for ends, found in files:
        assert found == upstream.members(dict(enumerate(ends)))
    return [found for _, found in files]


@asynccontextmanager
async def changing(producer: AIOKafkaProducer, topic: str) -> AsyncIterator[Upstream]:
    upstream = Upstream(producer, topic, random.Random(SEED))
    await upstream.lay_out()
    async with asyncio.TaskGroup() as tasks:
        stop = asyncio.Event()
        tasks.create_task(upstream.state_until(stop), name="upstream")
        yield upstream
        stop.set()


def writing(producer: AIOKafkaProducer) -> Callable[[Sequence[Written]], Awaitable[None]]:
    async def write(messages: Sequence[Written]) -> None:
        for one in messages:
            await producer.send(
                one.topic, one.value, key=one.key, partition=one.partition, headers=[*one.headers]
            )
        await producer.flush()

    return write


def compacted(lag: int) -> dict[str, str]:
    """Settings of the topic, small enough to be seen at work."""
    return {
        "cleanup.policy": "compact",
        "message.timestamp.type": "LogAppendTime",
        "min.compaction.lag.ms": str(lag * 1000),
        "max.compaction.lag.ms": str(2 * lag * 1000),
        "delete.retention.ms": str(lag * 1000),
        "min.cleanable.dirty.ratio": "0.01",
        "segment.ms": "1000",
    }


async def clean_often(cluster: Cluster) -> None:
    """Let the broker look for something to compact ten times a second, and not every 15 seconds."""
    settings = {"log.cleaner.backoff.ms": "100"}
    async with administering(cluster) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, "1", settings)])
