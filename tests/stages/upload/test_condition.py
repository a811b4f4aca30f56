"""What operators are shown of a lane: in its status, and in the log, a line a minute at most."""

from collections.abc import Mapping, Sequence

import pytest
from structlog.testing import capture_logs

from pipeline.domain.send_result import Blocked
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.telemetry.facts import LaneLabel
from tests.fakes.telemetry import RecordingTelemetry

FORBIDDEN = Blocked("forbidden", "403 the terms are not accepted")


class Watched:
    """A lane's condition under a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.telemetry = RecordingTelemetry()
        self.condition = LaneCondition(
            lane="amazon.c",
            label=LaneLabel("amazon", "c"),
            refused=RefusedAudiences(probe_seconds=60.0),
            telemetry=self.telemetry,
            clock=lambda: self.now,
        )

    def summarised(self, waiting: int = 0) -> Sequence[Mapping[str, object]]:
        with capture_logs() as lines:
            self.condition.summarise(waiting=waiting, window_records=5, cap=10)
        return lines


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_failures_are_logged_once_a_minute_with_how_many_there_were(watched: Watched) -> None:
    with capture_logs() as lines:
        for _ in range(180):
            watched.condition.failed("getaddrinfo: Name or service not known")
            watched.now += 1.0

    assert [line["failures"] for line in lines] == [1, 61, 121]
    assert {line["event"] for line in lines} == {"request failed"}
    assert {line["lane"] for line in lines} == {"amazon.c"}
    assert {line["detail"] for line in lines} == {"getaddrinfo: Name or service not known"}


def test_the_last_failure_is_shown_until_it_says_nothing_of_today(watched: Watched) -> None:
    assert watched.condition.last_failure is None
    watched.condition.failed("reset")
    watched.now += 5
    watched.condition.failed("503 busy", 503)
    watched.now += 90

    assert watched.condition.last_failure == {
        "detail": "503 busy",
        "status": 503,
        "times": 2,
        "seconds_ago": 90,
    }
    watched.now += 600
    assert watched.condition.last_failure is None
    watched.condition.failed("reset")
    assert watched.condition.last_failure == {
        "detail": "reset",
        "status": None,
        "times": 1,
        "seconds_ago": 0,
    }


def test_a_block_is_said_once_for_each_thing_to_mend(watched: Watched) -> None:
    """Each probe that is refused for the same reason adds nothing."""
    with capture_logs() as lines:
        for _ in range(3):
            watched.condition.block(FORBIDDEN)
        watched.condition.block(Blocked("wrong_address", "308 to https://example.com"))
        watched.condition.passed_probe()
        watched.condition.passed_probe()

    events = [(line["event"], line.get("cause")) for line in lines]
    assert events == [
        ("lane blocked", "forbidden"),
        ("lane blocked", "wrong_address"),
        ("lane resumed", None),
    ]
    assert ("lane_state", "amazon", "c", "blocked") in watched.telemetry.levels


def test_a_summary_says_what_the_lane_did_and_why_it_does_no_more(watched: Watched) -> None:
    watched.condition.show("running")
    watched.condition.accepted(30)
    watched.condition.accepted(12)
    watched.condition.failed("timeout")
    watched.condition.block(FORBIDDEN)

    [line] = watched.summarised(waiting=7)

    assert line == {
        "event": "lane",
        "log_level": "info",
        "lane": "amazon.c",
        "state": "blocked",
        "accepted": 42,
        "waiting": 7,
        "window_records": 5,
        "cap": 10,
        "cause": "forbidden",
        "last_failure": "timeout",
    }


def test_a_lane_without_work_says_nothing_and_counts_anew_after_each_line(watched: Watched) -> None:
    watched.condition.show("running")
    watched.condition.accepted(3)

    lines = [*watched.summarised(), *watched.summarised(), *watched.summarised(waiting=1)]

    assert [(line["accepted"], line["waiting"]) for line in lines] == [(3, 0), (0, 1)]


def test_what_is_said_of_one_audience_stands_until_something_of_it_has_its_end(
    watched: Watched,
) -> None:
    """Others of the lane go on: to their pages and graphs that must not look like a mended lane."""
    watched.condition.refuse("8", Blocked("mostly_refused", "audience 8: 400"), began=0.0)

    watched.condition.passed_probe()
    watched.condition.show("running")
    watched.condition.ends_refusal("7")
    before = watched.condition.state, watched.condition.blocked is not None
    watched.condition.ends_refusal("8")
    watched.condition.show("running")
    after = watched.condition.state, watched.condition.blocked is not None

    assert (before, after) == (("blocked", True), ("running", False))
