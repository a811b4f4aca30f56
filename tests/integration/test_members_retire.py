"""Letting go of an audience's members, on real brokers: transactions, deletion, and coming back."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

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
from pipeline.stages.snapshot.run_records import encode_state, state_key
from tests.cli.test_run_commands import ENDED
from tests.conftest import Cluster
from tests.http.adobe_world import NAME
from tests.integration.snapshot_world import running, upstream_of
from tests.integration.world import connection
from tests.servers.kafka_clients import create_topics, producing

LEFT = "a-left"
MANY = 20_000
"""Members whose tombstones take a second or two to write."""
ADD = encode_member(MemberRecord(True, 5, Place("cdp", 0, 1, 0), "r", "7f", []))
LAYOUT = encode_layout(Layout("uuid", PARTITIONS, SPREAD, HASH))


def document(cluster: Cluster, namespace: str) -> dict[str, Any]:
    """A configuration without audiences."""
    return {
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
    }


def without_audiences(cluster: Cluster, namespace: str) -> Settings:
    return settings_from(document(cluster, namespace), Path())


async def found(settings: Settings, audience: str = LEFT) -> LeftMembers:
    return await find_left_members(Configuration(settings, Identities()), audience, None)


async def stored(cluster: Cluster, topic: str) -> set[bytes]:
    """Every key of an audience that the brokers still hand out, tombstones too."""
    return set(await last_values(cluster, topic))


async def last_values(cluster: Cluster, topic: str) -> dict[bytes, bytes | None]:
    """What the brokers hand out last of every key of an audience."""
    last: dict[bytes, bytes | None] = {}

    def take(record: PlacedRecord) -> None:
        if record.key != LAYOUT_KEY:
            last[record.key or b""] = record.value

    async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
        starts = await reader.oldest(reader.partitions(topic))
        await reader.read(starts, await reader.ends(starts), take)
    return last


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


@pytest.mark.kafka
async def test_a_command_that_was_killed_between_two_tombstones_is_finished_by_the_next_one(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    The real command, with SIGKILL. Until then everybody is told that the audience is still stored;
    afterwards nothing of it is, and all of the others.
    """
    names, config = Names(namespace), tmp_path / "config.yaml"
    topic, owner = names.members("adobe"), names.snapshots("adobe")
    config.write_text(json.dumps(document(apache_kafka, namespace)))
    await create_topics(apache_kafka, topic, partitions=PARTITIONS)
    await create_topics(apache_kafka, owner, f"{namespace}-cdp")
    gone = {member_key(LEFT, f"u-{number}") for number in range(MANY)}
    stay = {member_key(one, f"u-{number}") for one in (f"{LEFT}2", "b") for number in range(50)}
    killed, cut_short = 0, dict[bytes, bytes | None]()
    async with producing(apache_kafka, linger_ms=20) as producer:
        await producer.send(owner, encode_state(ENDED), state_key(LEFT), partition=0)
        await add_all(producer, topic, stay)
        for _ in range(5):  # on a machine that is busy elsewhere the command may be faster
            await add_all(producer, topic, gone)
            killed = await killed_while_it_writes(apache_kafka, topic, config)
            cut_short = await last_values(apache_kafka, topic)
            if ADD in (cut_short[key] for key in gone):
                break

    named = await left_behind(without_audiences(apache_kafka, namespace))
    again = await asyncio.to_thread(retiring(config).communicate)
    last = await last_values(apache_kafka, topic)

    assert killed == -signal.SIGKILL
    assert 0 < sum(value is None for value in cut_short.values()) < MANY
    assert len(named) == 1
    assert f"audience {LEFT} of adobe retired".encode() in again[0], again
    assert {key for key, value in last.items() if value is None} == gone
    assert {key for key, value in last.items() if value == ADD} == stay
    assert await left_behind(without_audiences(apache_kafka, namespace)) == []


async def add_all(producer: AIOKafkaProducer, topic: str, keys: Iterable[bytes]) -> None:
    for key in keys:
        await producer.send(topic, ADD, key, partition=partition_of(key))
    await producer.flush()


def retiring(config: Path) -> "subprocess.Popen[bytes]":
    # Not the installed command: that would leave a copy of the code that is broken on purpose out.
    command = [sys.executable, "-m", "pipeline", "members", "retire", LEFT, "--yes"]
    command += ["--config", str(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def killed_while_it_writes(cluster: Cluster, topic: str, config: Path) -> int:
    """Its exit code, once the first of its tombstones was seen and nothing more was waited for."""
    async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
        starts = await reader.oldest(reader.partitions(topic))
        before = await reader.ends(starts)
        with retiring(config) as process:
            async with asyncio.timeout(60):
                while await reader.ends(starts) == before and process.poll() is None:
                    pass
            process.kill()
    return process.returncode


async def test_an_audience_that_is_put_back_has_whoever_is_stated_again(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """
    Nobody of whom it was let go comes back by themselves, and what upstream says again counts
    though it is as old as before.
    """
    three = ("ana", "ben", "eva")
    async with upstream_of(cluster, namespace, tmp_path, three) as upstream:
        settings, audience = upstream.settings, upstream.audience
        async with running(settings) as pipeline:
            await upstream.until_ingested(three, pipeline)

        without = settings.model_copy(update={"audiences": ()})
        [named] = await left_behind(without)
        left = await found(without, audience)
        count = await retire_members(without, left)
        again = await left_behind(without)
        nobody = (await count_members(settings, NAME, None)).members

        await upstream.says(["ana", "ben"])
        async with running(settings) as pipeline:
            await upstream.until_ingested(["ana", "ben"], pipeline)
        shown = await count_members(settings, NAME, None)

    assert f"`members retire {audience} --destination adobe`" in named
    assert (left.members, count, again, nobody, shown.members) == (3, 3, [], 0, 2)


async def left_behind(settings: Settings) -> list[str]:
    """What a start says of audiences that left the configuration."""
    prepared = await prepare(settings, creates=False)
    return [line for line in prepared.differences if "`members retire" in line]
