"""The lag of what nobody here owns: reported by whoever runs, for every group."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path

import yaml
from aiokafka import TopicPartition

from pipeline.configuration.load import load
from pipeline.kafka.group_lag import LagUnknown
from pipeline.operations.lag_reports import REPORT_SECONDS, LagReports, group_topics
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

LANE = TopicPartition("audience.records.amazon-na.one", 0)
OTHER = TopicPartition("audience.records.amazon-na.two", 0)
ROOT = Path(__file__).parents[2]
OTHER_CONNECTION = "0d9f7c1e-52f4-4c0b-8a6f-3f2f6f1f7a11"


class Brokers:
    """Answers with the lags it is given; away while it has none."""

    def __init__(self, lags: Mapping[TopicPartition, int]) -> None:
        self.lags_now: Mapping[TopicPartition, int] | None = lags
        self.meanwhile: Callable[[], None] = lambda: None
        self.is_closed = False

    async def lags(self, apart_from: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        asked = set(apart_from)
        self.meanwhile()
        if self.lags_now is None:
            raise LagUnknown("NodeNotReadyError")
        return {tp: lag for tp, lag in self.lags_now.items() if tp not in asked}

    async def close(self) -> None:
        self.is_closed = True


class Process:
    """One process that reports, and the partitions it owns."""

    def __init__(self, lags: Mapping[TopicPartition, int]) -> None:
        self.brokers = Brokers(lags)
        self.owned: set[TopicPartition] = set()
        self.telemetry = RecordingTelemetry()
        self.reports = LagReports(
            reader=self.brokers,
            owned=lambda: self.owned,
            telemetry=self.telemetry,
            brokers="kafka-1:9092",
        )

    def lag(self, tp: TopicPartition) -> float | None:
        return self.telemetry.levels.get(("consumer_lag", tp.topic, str(tp.partition)))

    def run(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def play() -> None:
            async with asyncio.TaskGroup() as tasks:
                reporting = tasks.create_task(self.reports.report_always(), name="reports")
                await scene()
                reporting.cancel()

        run_virtual(play())


def test_a_process_without_upload_reports_what_waits_in_every_lane() -> None:
    """
    A fleet in which nobody serves lanes must still raise an alert.
    """
    process = Process({LANE: 1_204, OTHER: 0})

    async def scene() -> None:
        await asyncio.sleep(1)

    process.run(scene)

    assert process.lag(LANE) == 1_204
    assert process.lag(OTHER) == 0


def test_what_this_process_owns_is_reported_by_its_owner_alone() -> None:
    process = Process({LANE: 1_204, OTHER: 7})
    process.owned = {LANE}

    async def scene() -> None:
        await asyncio.sleep(1)

    process.run(scene)

    assert process.lag(LANE) is None
    assert process.lag(OTHER) == 7
    assert process.reports.latest == {OTHER: 7}


def test_a_partition_taken_over_while_the_brokers_were_asked_is_not_reported_from_outside() -> None:
    process = Process({LANE: 1_204})
    process.brokers.meanwhile = lambda: process.owned.add(LANE)

    async def scene() -> None:
        await asyncio.sleep(1)

    process.run(scene)

    assert process.lag(LANE) is None
    assert process.reports.latest == {}


def test_the_lag_is_asked_for_every_half_minute_and_again_after_an_outage() -> None:
    process = Process({LANE: 1})

    async def scene() -> None:
        await asyncio.sleep(1)
        process.brokers.lags_now = None
        await asyncio.sleep(REPORT_SECONDS)
        assert process.lag(LANE) == 1
        process.brokers.lags_now = {LANE: 50}
        await asyncio.sleep(REPORT_SECONDS)
        assert process.lag(LANE) == 50

    process.run(scene)


def test_brokers_that_do_not_answer_are_shown_with_their_address_until_they_do() -> None:
    """
    Else a process shows its last lag for ever, and no alert sees that everything waits.
    """
    process = Process({LANE: 1})
    away: list[object] = []

    def look() -> None:
        away.append((process.telemetry.levels["brokers_away",], process.reports.trouble))

    async def scene() -> None:
        await asyncio.sleep(1)
        look()
        process.brokers.lags_now = None
        await asyncio.sleep(REPORT_SECONDS)
        look()
        process.brokers.lags_now = {LANE: 50}
        await asyncio.sleep(REPORT_SECONDS)
        look()

    process.run(scene)

    trouble = "the brokers at kafka-1:9092 do not answer (NodeNotReadyError)"
    assert away == [(0, None), (1, trouble), (0, None)]


def test_its_clients_are_closed_when_the_process_stops() -> None:
    process = Process({})

    async def scene() -> None:
        await asyncio.sleep(1)

    process.run(scene)

    assert process.brokers.is_closed


def test_every_group_and_every_configured_lane_is_looked_at(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "config" / "local.yaml").read_text())
    [of_one] = document["audiences"]
    [target] = of_one["destinations"]
    other = {**target, "connection_id": OTHER_CONNECTION, "audience_id": 1}
    document["audiences"].append({**of_one, "audience": "others", "destinations": [other]})
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(document))
    settings = load(path, {})

    groups = group_topics(settings)

    assert list(groups) == ["audience.ingest", "audience.upload", "audience.poll"]
    assert groups["audience.ingest"] == [source.topic for source in settings.sources]
    assert sorted(groups["audience.upload"]) == sorted(
        f"audience.records.amazon-na.{connection}"
        for connection in (target["connection_id"], OTHER_CONNECTION)
    )
    assert groups["audience.poll"] == ["audience.jobs"]
