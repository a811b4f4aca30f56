"""What a log says of a process that has no Prometheus: a line a minute, and no flood."""

import asyncio
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from pipeline.app.minute_report import (
    REPORT_SECONDS,
    LaneLook,
    Look,
    lane_lines,
    letter_lines,
    look_at,
    report_always,
)
from pipeline.stages.upload.worker import UploadWorker
from pipeline.telemetry.facts import LaneLabel
from pipeline.telemetry.prometheus import prometheus_telemetry
from tests.fakes.lane_world import TopicLease
from tests.fakes.virtual_loop import run_virtual
from tests.simulation.world import World, in_world

TP = TopicPartition("audience.records.lane", 0)
IDLE = LaneLook(
    name="amazon-na.one", accepted=0, waiting=0, cap_used=0.0, state="running", cause=None
)


def test_a_line_says_what_was_accepted_since_the_last_one_and_how_the_lane_is() -> None:
    before = Look(lanes=[replace(IDLE, accepted=1_000)])
    now = Look(lanes=[replace(IDLE, accepted=1_250, waiting=40, cap_used=0.98765)])

    assert list(lane_lines(before, now)) == [
        {
            "lane": "amazon-na.one",
            "state": "running",
            "accepted": 250,
            "waiting": 40,
            "cap_used": 0.988,
            "cause": None,
        }
    ]


@pytest.mark.parametrize(
    "lane",
    [
        replace(IDLE, accepted=1),
        replace(IDLE, waiting=1),
        replace(IDLE, state="blocked", cause="unauthorised"),
        replace(IDLE, state="throttled"),
    ],
)
def test_a_lane_that_moves_waits_or_is_not_running_has_its_line(lane: LaneLook) -> None:
    [line] = lane_lines(Look(lanes=[IDLE]), Look(lanes=[lane]))

    assert line["state"] == lane.state
    assert line["cause"] == lane.cause


def test_an_idle_lane_says_nothing() -> None:
    """
    A thousand lanes of which ten have work are ten lines a minute.
    """
    same = replace(IDLE, accepted=70)

    assert list(lane_lines(Look(lanes=[same]), Look(lanes=[same]))) == []


def test_dead_letters_are_one_line_for_each_stage_and_reason() -> None:
    before = Look(letters={("ingest", "malformed"): 3, ("poll", "invalid"): 5})
    now = Look(letters={("ingest", "malformed"): 852, ("poll", "invalid"): 5})

    assert list(letter_lines(before, now)) == [
        {"stage": "ingest", "reason": "malformed", "dead_letters": 849}
    ]


def test_however_many_there_are_the_log_gets_a_line_a_minute_and_reason() -> None:
    """
    Every second fifty dead letters and a hundred accepted records, for five minutes.
    """
    now = [0.0]

    def look() -> Look:
        seconds = int(now[0])
        return Look(
            lanes=[replace(IDLE, accepted=100 * seconds)],
            letters={("ingest", "malformed"): 50 * seconds},
        )

    async def story() -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(report_always(look), name="minute report")
            for _ in range(int(5 * REPORT_SECONDS) + 1):
                await asyncio.sleep(1.0)
                now[0] = loop.time()
            reporting.cancel()

    structlog.reset_defaults()
    with capture_logs() as lines:
        run_virtual(story())

    assert Counter(line["event"] for line in lines) == {"lane": 5, "dead letters": 5}
    counted = sum(line["dead_letters"] for line in lines if line["event"] == "dead letters")
    assert counted >= 50 * 5 * (REPORT_SECONDS - 1)


class LeaseWithLag:
    def lag(self) -> int:
        return 40


class UploadGroup:
    """One lane of this process, as its group hands it out."""

    def __init__(self, worker: UploadWorker) -> None:
        self.workers = {TP: worker}
        self.leases = {TP: LeaseWithLag()}


def test_a_look_takes_the_figures_of_the_lanes_that_this_process_serves() -> None:
    label = LaneLabel("lane", "")
    telemetry = prometheus_telemetry()
    telemetry.upload.records_accepted(lane=label, action="add", count=70)
    telemetry.upload.records_accepted(lane=label, action="remove", count=30)
    telemetry.upload.cap_used(lane=label, window_records=250, limit=1_000)
    telemetry.dead_letters.dead_letters_written(stage="upload", reason="refused", count=3)
    made: list[Look] = []

    async def story(world: World) -> None:
        group = UploadGroup(world.owner(TopicLease(world.topic)))
        whole: Any = SimpleNamespace(telemetry=telemetry, groups={"upload": group})
        made.append(look_at(whole))

    in_world(1, story)

    [look] = made
    assert look.letters["upload", "refused"] == 3
    assert list(look.lanes) == [
        LaneLook(
            name="lane", accepted=100, waiting=40, cap_used=0.25, state="taking_over", cause=None
        )
    ]


def test_a_process_without_upload_has_no_lanes() -> None:
    whole: Any = SimpleNamespace(telemetry=prometheus_telemetry(), groups={})

    assert look_at(whole).lanes == []
