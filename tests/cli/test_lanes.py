"""The commands about lanes: what waits, who is paused, and what leaves for good."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.configuration.load import load
from pipeline.domain.lane_record import encode_header
from pipeline.kafka.offset_resolver import metadata
from pipeline.kafka.topic_plans import lane_topic
from pipeline.kafka.topics import Topics
from pipeline.operations import check
from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import Ran, _logging_is_put_back, run
from tests.configuration.test_example_files import CONNECTION, OTHER_CONNECTION, Example, target
from tests.conftest import Cluster
from tests.servers.kafka_clients import administering, create_topics, producing, reading

__all__ = ["_logging_is_put_back"]

LANE = f"amazon-na.{CONNECTION}"
SECOND = f"amazon-na.{OTHER_CONNECTION}"
LEFT = "amazon-na.left"
VIP, VIP_TOO, LAPSED = 413642381039213537, 586656241588443054, 8


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody at a command line, and the cluster of the configuration."""

    cluster: Cluster
    namespace: str
    config: Path

    async def types(self, line: str, answers: str = "") -> Ran:
        words = [*line.split(), "--config", str(self.config)]
        return await asyncio.to_thread(run, words, answers)

    async def listed(self) -> dict[str, dict[str, object]]:
        listed = await self.types("lanes list --json")
        return {one["lane"]: one for one in listed.found}

    async def make(self, *lanes: str) -> None:
        async with administering(self.cluster) as admin:
            topics = [lane_topic(f"{self.namespace}.records.{lane}") for lane in lanes]
            await Topics(admin, None).create(topics)

    async def fill(self, lane: str, count: int) -> None:
        async with producing(self.cluster) as producer:
            for number in range(count):
                await producer.send_and_wait(
                    f"{self.namespace}.records.{lane}",
                    b"{}",
                    b"%d|m%d" % (VIP, number),
                    headers=encode_header("add", 0, b"", 0, 0),
                )

    async def commit(self, lane: str, offset: int, metadata: str) -> None:
        tp = TopicPartition(f"{self.namespace}.records.{lane}", 0)
        async with reading(self.cluster, group=f"{self.namespace}.upload") as consumer:
            consumer.assign([tp])
            await consumer.commit({tp: OffsetAndMetadata(offset, metadata)})


def operator_at(
    cluster: Cluster, namespace: str, folder: Path, *, exactly: bool, lanes: int = 2
) -> Operator:
    second = target(audience_id=VIP_TOO, connection_id=OTHER_CONNECTION)
    example = Example().put("kafka.bootstrap_servers", cluster.bootstrap_servers)
    example.put("kafka.namespace", namespace).put("kafka.exactly_once", exactly)
    example.put(
        "audiences",
        [
            {"audience": "vip", "destinations": [target(audience_id=VIP), second][:lanes]},
            {"audience": "lapsed", "destinations": [target(audience_id=LAPSED)]},
        ],
    ).put("sources", [{"topic": f"{namespace}.events"}])
    return Operator(cluster, namespace, example.write(folder))


@pytest.fixture
def operator(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Operator:
    return operator_at(embedded_broker, namespace, tmp_path, exactly=False)


async def test_an_audience_is_paused_by_its_upstream_name_in_all_its_lanes_and_resumed_by_its_id(
    operator: Operator,
) -> None:
    await operator.make(LANE, SECOND)

    paused = await operator.types("lanes pause vip")
    again = await operator.types("lanes pause vip --destination amazon-na")
    listed = await operator.listed()
    resumed = await operator.types(f"lanes resume {VIP}")
    after = await operator.types(f"lanes resume {VIP}")

    assert f"audience {VIP} (vip) of lane {LANE}: paused" in paused.out
    assert f"audience {VIP_TOO} (vip) of lane {SECOND}: paused" in paused.out
    assert again.out.count("is already paused") == 2
    assert listed[LANE]["paused"] == [
        {"audience_id": str(VIP), "audiences": ["vip"], "state": "pausing", "since": None}
    ]
    assert resumed.out.count("resumed; the kept records are sent first") == 1
    assert after.out.count("is not paused") == 1
    paused_now = {lane: bool(one["paused"]) for lane, one in (await operator.listed()).items()}
    assert paused_now == {LANE: False, SECOND: True}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lanes pause vpi", "did you mean 'vip'?"),
        ("lanes resume 413642381039213538", f"did you mean '{VIP}'?"),
        ("lanes pause vip --destination amazon-eu", "no destination 'amazon-eu'"),
        (f"lanes retire {LANE}", "is in the configuration"),
        ("lanes retire amazon-na.letf --yes", "did you mean 'amazon-na.left'?"),
    ],
)
async def test_an_unknown_name_is_answered_with_the_nearest_and_changes_nothing(
    operator: Operator, line: str, said: str
) -> None:
    await operator.make(LANE, LEFT)

    refused = await operator.types(line)

    assert said in refused.error
    assert {lane: one["paused"] for lane, one in (await operator.listed()).items()} == {
        LANE: [],
        LEFT: [],
    }


async def test_every_lane_is_listed_with_what_waits_also_one_that_left(operator: Operator) -> None:
    await operator.make(LANE, SECOND, LEFT)
    await operator.fill(LANE, 5)
    await operator.fill(LEFT, 3)
    await operator.commit(LANE, 3, "")
    await operator.commit(SECOND, 0, "")

    listed = await operator.listed()
    table = await operator.types("lanes list")

    assert [(lane, one["configured"], one["waiting"]) for lane, one in listed.items()] == [
        (LANE, True, 2),
        (SECOND, True, 0),
        (LEFT, False, 3),
    ]
    assert (listed[LANE]["committed"], listed[LEFT]["committed"]) == (3, None)
    assert listed[LANE]["oldest_waiting"] is not None
    assert listed[SECOND]["oldest_waiting"] is None
    assert LEFT in table.out


async def test_a_lane_that_left_with_records_waiting_is_named_by_the_online_check(
    operator: Operator,
) -> None:
    await create_topics(operator.cluster, f"{operator.namespace}.events")
    await operator.make(LEFT, "amazon-na.empty")
    await operator.fill(LEFT, 3)

    settings = load(operator.config, {})
    found = [finding.text async for finding in check.online(settings)]

    [line] = [line for line in found if "is not in the configuration" in line]
    assert line.startswith(f"warning: lane {LEFT} is not in the configuration, and 3 records wait")


async def test_a_lane_is_retired_after_its_sentence_was_typed_and_its_pause_requests_go_with_it(
    operator: Operator, tmp_path: Path
) -> None:
    """
    Should the lane come back one day, nobody is paused in it.
    """
    await operator.make(LANE, SECOND)
    await operator.fill(SECOND, 2)
    await operator.types("lanes pause vip")
    operator_at(operator.cluster, operator.namespace, tmp_path, exactly=False, lanes=1)

    refused = await operator.types(f"lanes retire {SECOND}", "yes\n")
    before = await operator.listed()
    retired = await operator.types(f"lanes retire {SECOND}", f"retire {SECOND}\n")
    await operator.make(SECOND)
    after = await operator.listed()

    assert "nothing was removed" in refused.err
    assert [bool(before[lane]["paused"]) for lane in (LANE, SECOND)] == [True, True]
    assert "2 records wait" in retired.err
    assert "retired" in retired.out
    assert (after[SECOND]["waiting"], after[SECOND]["paused"]) == (0, [])
    assert after[LANE]["paused"]


@pytest.mark.kafka
async def test_what_is_kept_is_shown_as_the_owner_of_the_lane_committed_it(
    apache_kafka: Cluster, namespace: str, tmp_path: Path
) -> None:
    operator = operator_at(apache_kafka, namespace, tmp_path, exactly=True)
    await operator.make(LANE, LEFT)
    await operator.fill(LANE, 5)
    await operator.types("lanes pause vip")
    await operator.types("lanes pause lapsed")
    await operator.commit(LANE, 5, metadata(clean=True, paused={str(VIP): 3, "99": 1}))
    await operator.types("lanes resume lapsed")

    line = (await operator.listed())[LANE]
    retired = await operator.types(f"lanes retire {LEFT} --yes")

    assert (line["waiting"], line["clean"]) == (0, True)
    assert line["paused"] == [
        {"audience_id": str(VIP), "audiences": ["vip"], "state": "paused", "since": 3},
        {"audience_id": "99", "audiences": [], "state": "resuming", "since": 1},
    ]
    assert "retired" in retired.out
