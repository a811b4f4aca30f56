"""Events become member records, through the whole assembly."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.app.assembly import assemble
from pipeline.app.exit_code import ExitCode
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.domain.member_record import (
    LAYOUT_KEY,
    MemberRecord,
    audience_partitions,
    decode_member,
    member_key,
    partition_of,
)
from pipeline.domain.message import StageName
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import PlacedRecord, reading
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.members import count_members, show_member
from tests.conftest import Cluster
from tests.integration.world import connection
from tests.servers.kafka_clients import create_topics, producing
from tests.toys.daily import DAILY, RENDERING
from tests.toys.instant import INSTANT
from tests.toys.test_instant import run_until

PARTNERS: Partners = {one.kind: one for one in (DAILY, INSTANT)}
NOBODY = "http://127.0.0.1:9"
EVENTS = 200
STAGES: Sequence[StageName] = ("ingest",)


def settings_of(cluster: Cluster, namespace: str, folder: Path, *, exactly_once: bool) -> Settings:
    document = {
        "kafka": {
            "bootstrap_servers": cluster.bootstrap_servers,
            "namespace": namespace,
            "exactly_once": exactly_once,
        },
        "sources": [{"topic": f"{namespace}-cdp"}],
        "destinations": {
            "files": {"kind": "daily", "api_url": NOBODY},
            "toy": {"kind": "instant", "api_url": NOBODY},
        },
        "audiences": [
            {
                "audience": "runners",
                "destinations": [
                    {"destination": "files", "audience_key": "r-1"},
                    {"destination": "toy", "account": "a1", "list_id": "l-1"},
                ],
            }
        ],
    }
    return settings_from(document, folder, PARTNERS)


async def produced(cluster: Cluster, topic: str) -> None:
    """Every member joins; each fourth leaves again."""
    async with producing(cluster) as producer:
        for number in range(EVENTS):
            await producer.send(topic, event(number, "add"), key=b"m-%d" % number)
        for number in range(0, EVENTS, 4):
            await producer.send(topic, event(number, "remove"), key=b"m-%d" % number)
        await producer.flush()


def event(number: int, action: str) -> bytes:
    member = {
        "id": f"m-{number}",
        "identities": [{"email": f"{number}@example.com"}],
        "attributes": {"tier": "gold"},
    }
    second = 10 if action == "add" else 20
    return json.dumps(
        {
            "audience": "runners",
            "action": action,
            "occurred_at": f"2026-11-22T10:15:{second}Z",
            "member": member,
        }
    ).encode()


async def members(cluster: Cluster, topic: str, count: int) -> Sequence[PlacedRecord]:
    """Once so many are visible: brokers mark the partitions of a transaction after it is done."""
    async with (
        asyncio.timeout(30),
        reading(connection(cluster), committed_only=True, patience=10.0) as reader,
    ):
        starts = await reader.oldest(reader.partitions(topic))
        while True:
            found: list[PlacedRecord] = []
            await reader.read(starts, await reader.ends(starts), found.append)
            records = [record for record in found if record.key != LAYOUT_KEY]
            if len(records) >= count:
                return records


def winners(records: Sequence[PlacedRecord]) -> Mapping[bytes, MemberRecord]:
    found: dict[bytes, MemberRecord] = {}
    for record in records:
        said = decode_member(record.value or b"")
        assert isinstance(said, MemberRecord)
        assert record.key is not None
        before = found.get(record.key)
        if before is None or said.rank > before.rank:
            found[record.key] = said
    return found


@pytest.mark.parametrize(
    ("broker", "exactly_once"),
    [
        pytest.param("embedded_broker", False, id="embedded"),
        pytest.param("apache_kafka", True, id="apache", marks=pytest.mark.kafka),
        pytest.param("apache_kafka", False, id="apache-plain", marks=pytest.mark.kafka),
    ],
)
async def test_members_stand_in_the_partitions_of_their_audience(
    broker: str,
    exactly_once: bool,
    namespace: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """
    One change goes to both kinds of partner, in one transaction where there are any.
    """
    cluster: Cluster = request.getfixturevalue(broker)
    settings = settings_of(cluster, namespace, tmp_path, exactly_once=exactly_once)
    names = Names(namespace)
    await create_topics(cluster, settings.sources[0].topic, partitions=2)
    await prepare(settings, creates=True)
    await produced(cluster, settings.sources[0].topic)

    async with assemble(settings, STAGES, PARTNERS) as pipeline:
        value = pipeline.telemetry.metrics.value

        def is_done() -> bool:
            counts = [
                value("audience_records_prepared_total", destination=name, connection=lane) or 0
                for name, lane in (("files", "snapshots"), ("toy", "a1"))
            ]
            return counts == [EVENTS + EVENTS / 4] * 2

        code = await run_until(pipeline, is_done)
    found = await members(cluster, names.members("files"), EVENTS + EVENTS // 4)
    known = winners(found)

    assert code is ExitCode.DRAINED
    assert {record.partition for record in found} == set(audience_partitions("r-1"))
    assert all(record.partition == partition_of(record.key or b"") for record in found)
    assert len(known) == EVENTS
    assert {key for key, one in known.items() if not one.is_member} == {
        member_key("r-1", f"m-{number}") for number in range(0, EVENTS, 4)
    }
    count = await count_members(settings, "runners", None, PARTNERS)
    assert (count.members, count.rows, count.unreadable) == (EVENTS * 3 // 4, EVENTS * 3 // 4, 0)
    left = await show_member(settings, "m-4", "r-1", "files", PARTNERS)
    assert [(line.says, line.counts) for line in left.lines] == [
        ("member", False),
        ("no member", True),
    ]
    assert left.state == "no member"
    assert (await show_member(settings, "m-5", "runners", None, PARTNERS)).state == "member"
    assert (await show_member(settings, "nobody", "runners", None, PARTNERS)).state == "unknown"
    one = known[member_key("r-1", "m-1")]
    assert (one.rendering, one.identity, one.cells) == (RENDERING, "1@example.com", ["gold"])
