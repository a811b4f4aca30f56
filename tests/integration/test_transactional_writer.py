"""The writer of ingest: records and the source's offset together, one owner at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from structlog.testing import capture_logs

from pipeline.domain.message import Message
from pipeline.kafka import chunk_trouble
from pipeline.kafka.chunk_trouble import ChunkTrouble
from pipeline.kafka.plain_writer import PlainWriter
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.kafka.record_limits import USUAL_LIMITS, RecordLimits
from pipeline.kafka.transactional_writer import TransactionalWriter
from pipeline.stages.ports import Carried, OutgoingRecord, Partition
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.kafka_clients import (
    administering,
    committed_offset,
    create_topics,
    producing,
    reading,
    take,
)
from tests.servers.topic_acls import WRITE, denied

pytestmark = pytest.mark.kafka

NOW_MS = 1_766_300_000_000
QUIET_SECONDS = 0.7
"""In which a reader shows that there is nothing for it."""


class World:
    """A source, a lane, a topic of dead letters, and writers from the one to the others."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.group = f"{namespace}.ingest"
        self.source = TopicPartition(f"{namespace}.source", 0)
        self.lane = f"{namespace}.records.lane"
        self.letters = f"{namespace}.dead-letters"
        self.trouble = ChunkTrouble(lambda: NOW_MS)

    async def create(self) -> None:
        await create_topics(self.cluster, self.source.topic, self.lane, self.letters)

    @asynccontextmanager
    async def writer(
        self, limits: RecordLimits = USUAL_LIMITS
    ) -> AsyncIterator[TransactionalWriter]:
        """One that is open; each has the transactional id of the source partition."""
        writer = TransactionalWriter(
            connection(self.cluster),
            transactional_id=f"{self.group}.{self.source.topic}.0",
            transaction_timeout=15.0,
            group=self.group,
            source=self.source,
            limits=limits,
            trouble=self.trouble,
        )
        await writer.open()
        try:
            yield writer
        finally:
            await writer.close()

    async def carry(
        self, writer: TransactionalWriter, values: Sequence[bytes], following: int
    ) -> bool:
        outgoing = [OutgoingRecord(b"1|member", value, [("format", b"1")]) for value in values]
        letters = [Message(self.letters, b"key", value, ()) for value in values[:1]]
        return (
            await writer.carry({Partition(self.lane, 0): outgoing}, letters, following) == "durable"
        )

    async def lane_values(self, at_least: int = 0) -> list[bytes | None]:
        """What a reader of committed records sees once nothing more comes."""
        tp = TopicPartition(self.lane, 0)
        async with reading(self.cluster) as consumer:
            consumer.assign([tp])
            seen = [record.value for record in await take(consumer, at_least)]
            async with asyncio.timeout(30):
                while more := await consumer.getmany(tp, timeout_ms=int(QUIET_SECONDS * 1000)):
                    seen += [record.value for record in more[tp]]
        return seen

    async def offset(self) -> int:
        """The committed one; a broker that has just come back knows no coordinator for a moment."""
        async with asyncio.timeout(30):
            while True:
                try:
                    found = await committed_offset(self.cluster, self.group, self.source)
                except KafkaError:
                    await asyncio.sleep(0.5)
                else:
                    return int(found.offset)


@pytest.fixture
async def world(apache_kafka: Cluster, namespace: str) -> World:
    made = World(apache_kafka, namespace)
    await made.create()
    return made


async def test_records_and_offset_become_visible_together(world: World) -> None:
    async with world.writer() as writer:
        assert await world.carry(writer, [b"1", b"2"], 2)
        assert await world.carry(writer, [b"3"], 3)
        assert await writer.carry({}, [], 9) == "durable"

    assert await world.lane_values(3) == [b"1", b"2", b"3"]
    assert await world.offset() == 9


async def test_batches_and_records_are_as_large_as_the_topic_of_the_lane_takes_them(
    world: World, namespace: str
) -> None:
    """
    Otherwise the broker refuses them, at each start again.
    """
    small = f"{namespace}.records.small"
    await create_topics(world.cluster, small, settings={"max.message.bytes": "20000"})
    limits = RecordLimits({small: 20_000})
    largest = limits.largest_record(small) - len(b"1|member") - len(b"format1")
    values = [*(b"%1000d" % number for number in range(50)), b"x" * largest]

    async with world.writer(limits) as writer:
        outgoing = [OutgoingRecord(b"1|member", value, [("format", b"1")]) for value in values]
        assert await writer.carry({Partition(small, 0): outgoing}, [], 1)

    async with reading(world.cluster) as consumer:
        consumer.assign([TopicPartition(small, 0)])
        seen = [record.value for record in await take(consumer, len(values))]
    assert seen == values


async def test_a_former_owner_makes_nothing_visible_and_moves_no_offset(world: World) -> None:
    """
    Whether it had carried before or not; it keeps still, and does not shut its successor out.
    """
    async with world.writer() as former:
        assert await world.carry(former, [b"1"], 1)
        async with world.writer() as successor, asyncio.TaskGroup() as tasks:
            zombie = tasks.create_task(world.carry(former, [b"old"], 100))
            assert await world.carry(successor, [b"2"], 2)
            done, _ = await asyncio.wait([zombie], timeout=2)
            assert await world.carry(successor, [b"3"], 3)
            assert not done
            zombie.cancel()

    assert await world.lane_values(3) == [b"1", b"2", b"3"]
    assert await world.offset() == 3


async def test_an_owner_that_was_shut_out_by_mistake_takes_the_partition_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A frozen process that wakes up may take the id before it hears that it has lost the partition.
    """
    monkeypatch.setattr("pipeline.kafka.transactional_writer.FENCED_SECONDS", 0.1)
    async with world.writer() as owner, world.writer():
        shut_out = await world.carry(owner, [b"1"], 1)
        opening = await world.carry(owner, [b"1"], 1)
        carried = await world.carry(owner, [b"1"], 1)

    assert [shut_out, opening, carried] == [False, False, True]
    assert await world.lane_values(1) == [b"1"]


async def test_a_failed_transaction_leaves_nothing_and_is_not_reopened_unasked(
    world: World,
) -> None:
    """
    The next call opens anew and says so, and the committed offset decides what is carried again.
    """
    async with world.writer() as writer:
        too_late = TransactionalWriter(
            connection(world.cluster),
            transactional_id=f"{world.group}.{world.source.topic}.0",
            transaction_timeout=0.001,
            group=world.group,
            source=world.source,
            trouble=world.trouble,
        )
        taken, writer._producer.current = writer._producer.current, None
        too_late._producer.current = taken
        assert not await world.carry(too_late, [b"lost"], 1)
        assert too_late._producer.current is None

        assert not await world.carry(writer, [b"1"], 1)
        assert await world.carry(writer, [b"1"], 1)

    assert await world.lane_values(1) == [b"1"]
    assert await world.offset() == 1


async def test_a_topic_that_is_forbidden_is_waited_for_and_said_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever forbids it can allow it again, and stages beside ingest have nothing to do with it. It
    is known which topic that is, for as long as nothing can be written to it.
    """
    monkeypatch.setattr(chunk_trouble, "FORBIDDEN_SECONDS", 0.1)
    async with world.writer() as writer:
        with capture_logs() as lines:
            async with denied(world.cluster, world.lane, WRITE):
                refused = [await world.carry(writer, [b"1"], 1) for _ in range(6)]
                forbidden = world.trouble.forbidden
            async with asyncio.timeout(30):
                while not await world.carry(writer, [b"1"], 1):
                    await asyncio.sleep(0.1)
        allowed = world.trouble.forbidden

    [line] = [one for one in lines if one["event"] == "chunk not durable, carrying again"]
    assert refused == [False] * 6
    assert (forbidden, allowed) == ({world.lane: NOW_MS}, {})
    assert (line["error"], line["topics"]) == ("TopicAuthorizationFailedError", [world.lane])
    assert "grant Write and Describe" in line["why"]
    assert await world.lane_values(1) == [b"1"]


@pytest.mark.parametrize("after", [0.0, 0.005, 0.02, 0.05])
async def test_a_cancelled_transaction_does_not_hold_readers_up(world: World, after: float) -> None:
    """
    Left open it would hold them until its timeout of 15 s. Wherever it was cut, even in its commit.
    """
    async with world.writer() as writer, asyncio.TaskGroup() as tasks:
        cut = tasks.create_task(world.carry(writer, [b"x" * 1000] * 500, 500))
        await asyncio.sleep(after)
        cut.cancel()
        await asyncio.wait([cut])
    begun_at = asyncio.get_running_loop().time()
    async with producing(world.cluster) as another:
        await another.send_and_wait(world.lane, b"next")
        *before, last = await world.lane_values(1)
        took = asyncio.get_running_loop().time() - begun_at

    assert last == b"next"
    assert len(before) in (0, 500)
    assert took < 12


async def test_a_broker_that_restarts_in_between_leads_to_no_duplicates(
    own_apache_kafka: ApacheKafka, namespace: str
) -> None:
    """
    Whatever `carry` said: what it failed to carry is read again from the committed offset.
    """
    world = World(own_apache_kafka, namespace)
    await world.create()
    total = 300
    async with world.writer() as writer, asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.to_thread(own_apache_kafka.restart))
        following = 0
        while following < total:
            values = [b"%d" % number for number in range(following, min(following + 5, total))]
            if await world.carry(writer, values, following + len(values)):
                following += len(values)
            elif writer._producer.current is not None:
                following = max(0, await world.offset())

    assert await world.lane_values(total) == [b"%d" % number for number in range(total)]
    assert await world.offset() == total


async def test_a_source_that_is_deleted_while_in_use_hangs_nothing(
    world: World, apache_kafka: Cluster
) -> None:
    """
    The library tries the offset of a missing topic without end, and stopping it waits for that.
    """
    writer = TransactionalWriter(
        connection(apache_kafka),
        transactional_id=f"{world.group}.deleted",
        transaction_timeout=2.0,
        group=world.group,
        source=world.source,
        trouble=world.trouble,
    )
    await writer.open()
    async with administering(apache_kafka) as admin:
        assert isinstance(admin, AIOKafkaAdminClient)
        await admin.delete_topics([world.source.topic])

    async with asyncio.timeout(10):
        carried = await world.carry(writer, [b"1"], 1)
        await writer.close()

    assert not carried
    assert writer._producer.current is None


async def test_writers_that_share_a_producer_and_a_lane_all_carry_at_the_first_try(
    embedded_broker: Cluster, namespace: str
) -> None:
    """
    Without transactions a chunk that is carried again stands twice.
    """
    await create_topics(embedded_broker, namespace)
    # A bound of 3 s, so that the test need not be long; none of the waits comes near it.
    options = connection(embedded_broker).arguments()
    make = partial(
        AIOKafkaProducer, acks="all", request_timeout_ms=3000, max_batch_size=50_000, **options
    )
    producers = SharedProducer(make, make())
    await producers.current.start()
    outgoing = {
        Partition(namespace, 0): [OutgoingRecord(b"key", b"v" * 400, []) for _ in range(500)]
    }
    carried: list[Carried] = []

    async def carry_many() -> None:
        writer = PlainWriter(producers, ChunkTrouble(lambda: NOW_MS))
        carried.extend([await writer.carry(outgoing, [], 0) for _ in range(15)])

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(12):
                tasks.create_task(carry_many())
    finally:
        await producers.close()

    assert carried == ["durable"] * 180


async def test_without_transactions_a_topic_that_is_allowed_again_is_known_as_such(
    embedded_broker: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_trouble, "FORBIDDEN_SECONDS", 0.0)
    await create_topics(embedded_broker, namespace)
    make = partial(make_producer, connection(embedded_broker), idempotent=False)
    producers = SharedProducer(make, make())
    await producers.current.start()
    trouble = ChunkTrouble(lambda: NOW_MS)
    writer = PlainWriter(producers, trouble)
    await trouble.not_durable(TopicAuthorizationFailedError(namespace), writer)
    before = trouble.forbidden

    try:
        await writer.carry({Partition(namespace, 0): [OutgoingRecord(b"k", b"v", [])]}, [], 0)
    finally:
        await producers.close()

    assert (before, trouble.forbidden) == ({namespace: NOW_MS}, {})
