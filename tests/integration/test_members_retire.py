"""Letting go of an audience's members, on real brokers: transactions, deletion, and coming back."""

import asyncio
from pathlib import Path

import pytest

from pipeline.configuration.identities import Identities
from pipeline.configuration.load import Configuration, settings_from
from pipeline.configuration.model import Settings
from pipeline.domain.member_floor import Floor, encode_floor, floor_key
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    MemberRecord,
    Place,
    audience_partitions,
    encode_layout,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import PlacedRecord, reading
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.members import count_members
from pipeline.operations.members_retiring import LeftMembers, find_left_members, retire_members
from pipeline.operations.stored_members import stated_since
from pipeline.operations.stored_members import stored as stored_members
from pipeline.operations.trouble import OperationFailed
from tests.conftest import Cluster
from tests.http.adobe_world import NAME, adobe
from tests.integration.test_snapshot_run import event, running, settings_of, until_ingested
from tests.integration.world import connection
from tests.servers.kafka_clients import create_topics, producing

LEFT = "a-left"
ADD = encode_member(MemberRecord(True, 5, Place("cdp", 0, 1, 0), "r", "7f", []))
LAYOUT = encode_layout(Layout("uuid", PARTITIONS, SPREAD, HASH))


def without_audiences(cluster: Cluster, namespace: str) -> Settings:
    return settings_from(
        {
            "kafka": {"bootstrap_servers": cluster.bootstrap_servers, "namespace": namespace},
            "sources": [{"topic": f"{namespace}-cdp", "format": "native"}],
            "destinations": {
                "adobe": {
                    "kind": "adobe_external_audiences",
                    "org_id": "ORG@AdobeOrg",
                    "client_id": "client",
                    "client_secret": "hush",
                    "storage": {"kind": "folder", "path": "/tmp"},
                }
            },
            "audiences": [],
        },
        Path(),
    )


async def found(settings: Settings, audience: str = LEFT) -> LeftMembers:
    return await find_left_members(Configuration(settings, Identities()), audience, None)


async def stored(cluster: Cluster, topic: str) -> set[bytes]:
    """Every key of an audience that the brokers still hand out, tombstones too."""
    keys: set[bytes] = set()

    def take(record: PlacedRecord) -> None:
        if record.key != LAYOUT_KEY:
            keys.add(record.key or b"")

    async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
        starts = await reader.oldest(reader.partitions(topic))
        await reader.read(starts, await reader.ends(starts), take)
    return keys


@pytest.mark.kafka
async def test_members_of_a_transaction_that_is_open_are_let_go_of_too(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    It was begun by a process that had the audience, and is committed later. Nothing that the
    command writes waits for it, or is left open when the command is killed.
    """
    settings = without_audiences(apache_kafka, namespace)
    topic = Names(namespace).members("adobe")
    await create_topics(apache_kafka, topic, partitions=PARTITIONS)
    key = member_key(LEFT, "u-1")
    async with (
        producing(apache_kafka, transactional_id=f"{namespace}.ingest") as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(topic, ADD, key, partition=partition_of(key))
        left = await found(settings)
        count = await retire_members(settings, left)

    after = await found(settings)

    assert (left.members, count, after.members) == (1, 1, 0)


@pytest.mark.kafka
async def test_whoever_writes_members_at_the_same_time_is_noticed(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    A process that still has the audience in its configuration, and writes within the command.
    """
    settings = without_audiences(apache_kafka, namespace)
    topic, key = Names(namespace).members("adobe"), member_key(LEFT, "u-1")
    await create_topics(apache_kafka, topic, partitions=PARTITIONS)
    async with producing(apache_kafka) as producer, asyncio.TaskGroup() as tasks:

        async def ingest() -> None:
            while True:
                await producer.send_and_wait(topic, ADD, key, partition=partition_of(key))

        await producer.send_and_wait(topic, ADD, key, partition=partition_of(key))
        running_still = tasks.create_task(ingest())

        async def retired_until_refused() -> None:
            async with asyncio.timeout(60):
                while True:
                    await retire_members(settings, await found(settings))

        with pytest.raises(OperationFailed, match="restart every process with the present"):
            await retired_until_refused()
        running_still.cancel()


@pytest.mark.kafka
async def test_so_is_whoever_wrote_between_the_look_and_the_tombstones(
    apache_kafka: Cluster, namespace: str
) -> None:
    topic = Names(namespace).members("adobe")
    await create_topics(apache_kafka, topic, partitions=PARTITIONS)
    written: dict[bytes, list[bytes | None]] = {
        member_key(LEFT, "u-1"): [ADD, None],
        floor_key(LEFT): [encode_floor(Floor(5, 5)), None],
        member_key(LEFT, "u-2"): [None],
        member_key("a-stays", "u-1"): [ADD],
    }
    async with (
        producing(apache_kafka) as producer,
        reading(connection(apache_kafka), committed_only=False, patience=10.0) as reader,
    ):
        [looked] = [one async for one in stored_members(reader, topic, LEFT)]
        for key, values in written.items():
            for value in values:
                partition = audience_partitions(LEFT)[0]
                await producer.send_and_wait(topic, value, key, partition=partition)

        assert await stated_since(reader, topic, LEFT, looked.ends) == 2


@pytest.mark.kafka
async def test_kafka_deletes_the_members_once_the_command_is_done_again(
    apache_kafka: Cluster, namespace: str
) -> None:
    """
    With the days of the topic made seconds. Where nobody writes behind the tombstones, they and
    what stands before them stay in the open segment; the second time writes there.
    """
    settings, topic = without_audiences(apache_kafka, namespace), Names(namespace).members("adobe")
    quick = {
        "cleanup.policy": "compact",
        "segment.ms": "1000",
        "max.compaction.lag.ms": "1000",
        "min.cleanable.dirty.ratio": "0.001",
        "delete.retention.ms": "0",
    }
    await create_topics(apache_kafka, topic, partitions=PARTITIONS, settings=quick)
    async with producing(apache_kafka) as producer:
        for number in audience_partitions(LEFT):
            await producer.send_and_wait(topic, LAYOUT, LAYOUT_KEY, partition=number)
            floor = encode_floor(Floor(5, 5))
            await producer.send_and_wait(topic, floor, floor_key(LEFT), partition=number)
        for number in range(40):
            key = member_key(LEFT, f"u-{number}")
            await producer.send_and_wait(topic, ADD, key, partition=partition_of(key))

    left = await found(settings)
    count = await retire_members(settings, left)
    async with asyncio.timeout(60):
        while await stored(apache_kafka, topic):
            await asyncio.sleep(3)
            await retire_members(settings, left)

    assert count == 40


async def test_an_audience_that_is_put_back_has_whoever_is_stated_again(
    cluster: Cluster, namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """
    Nobody of whom it was let go comes back by themselves, and what upstream says again counts
    though it is as old as before.
    """
    exactly_once = "apache" in request.node.name
    async with adobe(tmp_path) as world, producing(cluster) as producer:
        audience = await world.made()
        settings = settings_of(world, cluster, namespace, audience, exactly_once=exactly_once)
        topic = settings.sources[0].topic
        await create_topics(cluster, topic)
        for member in ("ana", "ben", "eva"):
            await producer.send_and_wait(topic, event(member), key=member.encode())
        async with running(settings) as pipeline:
            await until_ingested(world, audience, {"ana", "ben", "eva"}, pipeline)

        without = settings.model_copy(update={"audiences": ()})
        [named] = [one for one in await said(without) if audience in one]
        left = await found(without, audience)
        count = await retire_members(without, left)
        again = [one for one in await said(without) if audience in one]
        nobody = (await count_members(settings, NAME, None)).members

        for member in ("ana", "ben"):
            await producer.send_and_wait(topic, event(member), key=member.encode())
        async with running(settings) as pipeline:
            await until_ingested(world, audience, {"ana", "ben"}, pipeline)
        shown = await count_members(settings, NAME, None)

    assert f"`members retire {audience} --destination adobe`" in named
    assert (left.members, count, again, nobody, shown.members) == (3, 3, [], 0, 2)


async def said(settings: Settings) -> list[str]:
    return [*(await prepare(settings, creates=False)).differences]
