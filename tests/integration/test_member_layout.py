"""The topic of memberships: laid out when it is made, and never read as one that it is not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    decode_layout,
    encode_layout,
    member_key,
)
from pipeline.domain.names import Names
from pipeline.kafka.member_layout import PROPOSAL_KEY, LayoutTopics, find_layout, lay_out
from pipeline.kafka.topic_reader import PlacedRecord, reading
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import own_topics, prepare
from pipeline.stages.snapshot.members_trouble import MembersTrouble
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.kafka_clients import administering, create_topics, producing
from tests.toys.daily import DAILY

PARTNERS: Partners = {DAILY.kind: DAILY}


def settings_of(cluster: Cluster, namespace: str, *, exactly_once: bool = False) -> Settings:
    document: dict[str, Any] = {
        "kafka": {
            "bootstrap_servers": cluster.bootstrap_servers,
            "namespace": namespace,
            "exactly_once": exactly_once,
        },
        "sources": [{"topic": f"{namespace}-cdp"}],
        "destinations": {"files": {"kind": "daily", "api_url": "http://127.0.0.1:9"}},
        "audiences": [
            {
                "audience": "runners",
                "destinations": [{"destination": "files", "audience_key": "r-1"}],
            }
        ],
    }
    return settings_from(document, Path(), PARTNERS)


async def layouts(cluster: Cluster, topic: str) -> dict[int, list[Any]]:
    """What the layout records of each partition say, in their order."""
    found: dict[int, list[Any]] = {}

    def take(record: PlacedRecord) -> None:
        if record.key == LAYOUT_KEY:
            found.setdefault(record.partition, []).append(decode_layout(record.value))

    async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
        starts = await reader.oldest(reader.partitions(topic))
        await reader.read(starts, await reader.ends(starts), take)
    return found


def layout_topics(namespace: str) -> LayoutTopics:
    names = Names(namespace)
    return LayoutTopics(
        destination="files",
        members=names.members("files"),
        snapshots=names.snapshots("files"),
    )


async def uuids(cluster: Cluster, topics: LayoutTopics) -> set[str]:
    """Of all layout records in both topics; every partition has some."""
    members = await layouts(cluster, topics.members)
    owner = await layouts(cluster, topics.snapshots)
    assert (sorted(members), sorted(owner)) == (list(range(PARTITIONS)), [0])
    return {one.uuid for said in [*members.values(), *owner.values()] for one in said}


async def make_topics(
    cluster: Cluster, *topics: str, partitions: int = 1, settings: dict[str, str] | None = None
) -> None:
    """Create them, and wait until the brokers tell of them."""
    await create_topics(cluster, *topics, partitions=partitions, settings=settings)
    async with administering(cluster) as admin:
        while not set(topics) <= (await Topics(admin, None).partitions()).keys():
            await asyncio.sleep(0.1)


async def put(cluster: Cluster, topic: str, partition: int, key: bytes, value: bytes) -> None:
    async with producing(cluster) as producer:
        await producer.send_and_wait(topic, value, key, partition=partition)


async def test_every_partition_of_a_new_topic_says_how_it_is_laid_out(
    cluster: Cluster, namespace: str
) -> None:
    """
    And a second start finds it so, and writes nothing.
    """
    names, settings = Names(namespace), settings_of(cluster, namespace)
    await make_topics(cluster, settings.sources[0].topic)

    await prepare(settings, creates=True)
    await prepare(settings, creates=True)
    found = await layouts(cluster, names.members("files"))
    owners = await layouts(cluster, names.snapshots("files"))

    [layout] = owners[0]
    assert sorted(found) == list(range(PARTITIONS))
    assert {one for said in found.values() for one in said} == {layout}
    assert layout == Layout(layout.uuid, PARTITIONS, SPREAD, HASH)
    assert all(len(said) == 1 for said in found.values())


async def test_a_start_that_was_killed_in_the_middle_is_finished_by_the_next_one(
    cluster: Cluster, namespace: str
) -> None:
    """
    With the uuid that stands in the first partition: some others may have it already.
    """
    names, settings = Names(namespace), settings_of(cluster, namespace)
    members = names.members("files")
    await make_topics(cluster, settings.sources[0].topic)
    await make_topics(cluster, members, partitions=PARTITIONS, settings=settings_in(settings))
    value = encode_layout(Layout("first", PARTITIONS, SPREAD, HASH))
    for partition in (0, 1, 5):
        await put(cluster, members, partition, LAYOUT_KEY, value)

    await prepare(settings, creates=True)
    found = await layouts(cluster, members)
    owners = await layouts(cluster, names.snapshots("files"))

    assert sorted(found) == list(range(PARTITIONS))
    assert {one.uuid for said in [*found.values(), *owners.values()] for one in said} == {"first"}


async def test_of_several_that_lay_out_a_topic_at_once_the_first_proposal_counts(
    cluster: Cluster, namespace: str
) -> None:
    """
    Step by step: all saw an empty topic, and two have proposed.
    """
    topics = layout_topics(namespace)
    await make_topics(cluster, topics.members, partitions=PARTITIONS)
    await make_topics(cluster, topics.snapshots)

    async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
        seen = await find_layout(reader, topics)
        for uuid in ("one", "two"):
            value = encode_layout(Layout(uuid, PARTITIONS, SPREAD, HASH))
            await put(cluster, topics.snapshots, 0, PROPOSAL_KEY, value)
        await lay_out(reader, connection(cluster), seen, "three")

    assert await uuids(cluster, topics) == {"one"}


async def test_several_that_lay_out_a_topic_at_once_write_one_layout(
    cluster: Cluster, namespace: str
) -> None:
    """
    Two layouts in one topic would be none.
    """
    topics = layout_topics(namespace)
    await make_topics(cluster, topics.members, partitions=PARTITIONS)
    await make_topics(cluster, topics.snapshots)

    async def start(uuid: str) -> None:
        async with reading(connection(cluster), committed_only=False, patience=10.0) as reader:
            found = await find_layout(reader, topics)
            await lay_out(reader, connection(cluster), found, uuid)

    async with asyncio.TaskGroup() as tasks:
        for uuid in ("one", "two", "three"):
            tasks.create_task(start(uuid))

    assert len(await uuids(cluster, topics)) == 1


async def test_a_topic_of_memberships_that_was_made_anew_is_named_and_stays_as_it_is(
    cluster: Cluster, namespace: str
) -> None:
    """
    Read as it stands it would be an audience that everybody has left. Ingest may write to it.
    """
    names, settings = Names(namespace), settings_of(cluster, namespace)
    members, snapshots = names.members("files"), names.snapshots("files")
    await make_topics(cluster, settings.sources[0].topic, snapshots)
    await make_topics(cluster, members, partitions=PARTITIONS, settings=settings_in(settings))
    await put(
        cluster, snapshots, 0, LAYOUT_KEY, encode_layout(Layout("u", PARTITIONS, SPREAD, HASH))
    )

    found = await trouble(settings)
    [seen] = (await prepare(settings, creates=False)).troubles

    assert found == seen
    assert (found.cause, found.stops_ingest) == ("emptied", False)
    assert f"topic {members} has lost records in 64 of its 64 partitions (0, 1," in found.why
    assert "audience-pipeline members confirm files" in found.why
    assert await layouts(cluster, members) == {}


async def trouble(settings: Settings) -> MembersTrouble:
    """The only one that a start finds."""
    [found] = (await prepare(settings, creates=True)).troubles
    return found


async def test_to_a_topic_that_holds_messages_and_no_layout_nothing_is_written(
    cluster: Cluster, namespace: str
) -> None:
    settings = settings_of(cluster, namespace)
    members = Names(namespace).members("files")
    await make_topics(cluster, settings.sources[0].topic)
    await make_topics(cluster, members, partitions=PARTITIONS, settings=settings_in(settings))
    await put(cluster, members, 0, member_key("r-1", "u-1"), b"{}")

    found = await trouble(settings)

    assert (found.cause, found.stops_ingest) == ("foreign", True)
    assert "holds messages but no layout record" in found.why
    assert await layouts(cluster, members) == {}


async def test_to_a_topic_that_is_laid_out_otherwise_nothing_is_written(
    cluster: Cluster, namespace: str
) -> None:
    settings = settings_of(cluster, namespace)
    members = Names(namespace).members("files")
    await make_topics(cluster, settings.sources[0].topic)
    await make_topics(cluster, members, partitions=PARTITIONS, settings=settings_in(settings))
    await put(
        cluster, members, 0, LAYOUT_KEY, encode_layout(Layout("u", PARTITIONS, SPREAD, "md5"))
    )

    found = await trouble(settings)

    assert (found.cause, found.stops_ingest) == ("foreign", True)
    assert "the layout of another version" in found.why


@pytest.mark.parametrize(("partitions", "stops_ingest"), [(6, True), (65, False)])
async def test_a_topic_with_other_partitions_is_named_and_with_too_few_it_stops_ingest(
    cluster: Cluster, namespace: str, partitions: int, *, stops_ingest: bool
) -> None:
    """
    Members have their place in one of 64; whoever added some may have written there.
    """
    settings = settings_of(cluster, namespace)
    members = Names(namespace).members("files")
    await make_topics(cluster, settings.sources[0].topic)
    await make_topics(cluster, members, partitions=partitions, settings=settings_in(settings))

    found = await trouble(settings)

    assert (found.cause, found.stops_ingest) == ("partitions", stops_ingest)
    assert f"has {partitions} partitions instead of 64" in found.why
    assert f"kafka-topics.sh --delete --topic {members}" in found.why


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cleanup.policy", "delete"),
        ("cleanup.policy", "compact,delete"),
        ("message.timestamp.type", "CreateTime"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "9223372036854775807"),
        ("delete.retention.ms", "86400000"),
    ],
)
async def test_a_setting_that_would_make_memberships_wrong_is_named_and_the_topic_laid_out(
    apache_kafka: Cluster, namespace: str, key: str, value: str
) -> None:
    settings = settings_of(apache_kafka, namespace, exactly_once=True)
    members = Names(namespace).members("files")
    await make_topics(apache_kafka, settings.sources[0].topic)
    wrong = {**settings_in(settings), key: value}
    await make_topics(apache_kafka, members, partitions=PARTITIONS, settings=wrong)

    found = await trouble(settings)

    assert (found.cause, found.stops_ingest) == ("settings", False)
    assert f"{members} has {key}={value} instead of" in found.why
    assert f"--entity-name {members} --add-config {key}=" in found.why
    assert len(await layouts(apache_kafka, members)) == PARTITIONS


async def test_memberships_of_a_destination_that_left_are_named_at_every_start(
    cluster: Cluster, namespace: str
) -> None:
    settings = settings_of(cluster, namespace)
    await make_topics(cluster, settings.sources[0].topic)
    await make_topics(cluster, Names(namespace).members("former"))

    said = await prepare(settings, creates=True)

    [line] = [one for one in said.differences if "former" in one]
    assert line.startswith(f"topic {Names(namespace).members('former')} keeps the memberships")


@pytest.mark.kafka
async def test_it_is_made_with_what_it_needs(apache_kafka: Cluster, namespace: str) -> None:
    settings = settings_of(apache_kafka, namespace, exactly_once=True)
    await make_topics(apache_kafka, settings.sources[0].topic)

    said = await prepare(settings, creates=True)

    assert (said.differences, said.troubles) == ([], [])


def settings_in(settings: Settings) -> dict[str, str]:
    """Of the topic of memberships, as a start makes it."""
    members = Names(settings.kafka.namespace).members("files")
    [plan] = [one for one in own_topics(settings) if one.name == members]
    return {**plan.settings, "message.timestamp.type": "LogAppendTime"}
