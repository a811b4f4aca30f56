"""A verdict that finds nothing wrong must be able to find something wrong."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.domain.job import Job
from tests.chaos.evidence import Evidence, Struck
from tests.chaos.partner import Arrival, Question
from tests.chaos.plan import Gust
from tests.chaos.snapshots import FORBIDDEN, SeenRun, SnapshotEvidence
from tests.chaos.topics import Change, LaneRecord, Outcome, Topics
from tests.chaos.verdict import failures, recovery

LANE = "connection-0"


def _job(job_id: str) -> Job:
    return Job(
        job_id=job_id,
        destination="amazon-na",
        connection=LANE,
        audience_id="7",
        records=2,
        removes=0,
        first_offset=0,
        last_offset=2,
        submitted_at_ms=0,
        oldest_changed_at_ms=0,
    )


def _outcome(job_id: str) -> Outcome:
    ends = {"records": 2, "applied": 2, "invalid": 0, "failed": 0, "unknown": 0}
    return Outcome(5_000, job_id, "SUCCEEDED", LANE, ends)


def _arrival(at: float, client: str = "one", **otherwise: Any) -> Arrival:
    facts: dict[str, Any] = {
        "target": LANE,
        "records": 2,
        "took": True,
        "is_answered": True,
        "job_id": "job",
        "overlaps": False,
    }
    return Arrival(at=at, client=client, **(facts | otherwise))


def _struck(kind: Any, began: float, ended: float) -> Struck:
    gust = Gust(at=began, kind=kind, seconds=ended - began, role="upload", connection=None)
    return Struck(gust=gust, began=began, ended=ended, hand="one")


def _late_question(at: float) -> Question:
    return Question(at=at, at_ms=5_100.0, client="one", job_id="job")


SNAPSHOTS = SnapshotEvidence(
    held={0: {"ana", "bo"}, 1: set()},
    expected={0: {"ana", "bo"}, 1: set()},
    runs=[SeenRun("a-0", 1.0, "good", ["vip/1.csv"])],
    violations=dict.fromkeys(FORBIDDEN, 0),
    examples=[],
    largest_day=1,
)
TOPICS = Topics(
    upstream=[Change(0, 0, 7, "ana", 1), Change(0, 1, 7, "bo", 2), Change(0, 2, 7, "ana", 3)],
    lanes={
        LANE: [
            LaneRecord(0, 7, "ana", 1, 11),
            LaneRecord(1, 7, "bo", 2, 22),
            LaneRecord(2, 7, "ana", 3, 33),
        ]
    },
    jobs=[_job("job")],
    outcomes=[_outcome("job")],
    letters=[],
)
GOOD = Evidence(
    session_seconds=6.0,
    cap=100,
    window_seconds=5.0,
    began=0.0,
    ended=100.0,
    struck=[],
    produced=3,
    topics=TOPICS,
    undone={},
    standing={(7, "ana"): 33, (7, "bo"): 22},
    windows={LANE: 99},
    arrivals=[_arrival(1.0)],
    questions=[Question(at=4.0, at_ms=4_000.0, client="one", job_id="job")],
    taken={(7, "ana", 33): 1, (7, "bo", 22): 1},
    partner_jobs={"job": 2},
    partner_invalid={},
    repeated_in_request=0,
    unreadable_requests=0,
    exits=[("one", 0), ("two", 3)],
    deserters=[],
    left_behind=[],
    bad_lines=[],
    floods=[],
    is_static=False,
    snapshots=SNAPSHOTS,
    ledger_says=[],
)
LANE_RECORDS = TOPICS.lanes[LANE]


def _topics(**otherwise: Any) -> dict[str, Any]:
    return {"topics": replace(TOPICS, **otherwise)}


def _snapshots(**otherwise: Any) -> dict[str, Any]:
    return {"snapshots": replace(SNAPSHOTS, **otherwise)}


def test_a_storm_in_which_all_was_kept_passes() -> None:
    assert failures(GOOD) == []


def test_a_member_that_only_a_job_without_an_id_did_not_take_is_no_failure_of_ours() -> None:
    """
    Its record ended as unknown: nobody was told of the job that names it.
    """
    standing = {(7, "ana"): 11, (7, "bo"): 22}
    taken = {(7, "ana", 11): 1, (7, "ana", 33): 1, (7, "bo", 22): 1}

    untold = replace(GOOD, standing=standing, taken=taken, partner_invalid={"gone": [(7, "ana")]})
    told = replace(GOOD, standing=standing, taken=taken, partner_invalid={"job": [(7, "ana")]})

    assert failures(untold) == []
    assert any("instead of the last" in sentence for sentence in failures(told))


def test_a_question_that_was_on_its_way_through_a_frozen_process_is_no_failure_of_ours() -> None:
    thawed = replace(GOOD, struck=[_struck("freeze", 10.0, 18.0)], questions=[_late_question(18.2)])

    assert not any("asked for after" in sentence for sentence in failures(thawed))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"undone": {"lane[0]": 4}}, "not done in time"),
        ({"produced": 4}, "events were produced"),
        (_topics(lanes={LANE: LANE_RECORDS[:2]}), "never came into their lane"),
        (_topics(lanes={LANE: [*LANE_RECORDS, LANE_RECORDS[2]]}), "more than once"),
        (_topics(lanes={LANE: LANE_RECORDS[::-1]}), "behind a later one"),
        (_topics(upstream=[*TOPICS.upstream, Change(0, 3, None, "x", 4)]), "bad events"),
        ({"standing": {(7, "ana"): 33}, "taken": {(7, "ana", 33): 1}}, "lost: bo"),
        (
            {
                "standing": {(7, "ana"): 11, (7, "bo"): 22},
                "taken": {(7, "ana", 11): 2, (7, "ana", 33): 1, (7, "bo", 22): 1},
            },
            "instead of the last: ana",
        ),
        ({"standing": {**GOOD.standing, (7, "eve"): 1}}, "nobody asked for"),
        (_snapshots(held={0: {"ana"}, 1: set()}), "1 members are missing of 2"),
        (_snapshots(held={0: {"ana", "bo"}, 1: {"eve"}}), "1 should not be there"),
        (
            _snapshots(violations={**SNAPSHOTS.violations, "window_twice": 1}),
            "1 times window_twice",
        ),
        (_snapshots(largest_day=101), "101 runs in a day"),
        ({"windows": {LANE: 100}}, "a window holds 100"),
        ({"windows": {}}, "never served"),
        ({"taken": {**GOOD.taken, (7, "eve", 1): 1}}, "stand in no lane"),
        ({"repeated_in_request": 1}, "repeated a member"),
        ({"unreadable_requests": 1}, "broke a rule"),
        (_topics(outcomes=[]), "jobs have no outcome"),
        (_topics(outcomes=[]), "records were accepted"),
        (_topics(jobs=[]), "outcomes have no job"),
        ({"partner_jobs": {"job": 3}}, "not the partner's"),
        ({"arrivals": [_arrival(1.0, job_id="gone")]}, "not written down"),
        ({"questions": [_late_question(18.2)]}, "asked for after"),
        (
            {"struck": [_struck("freeze", 10.0, 18.0)], "questions": [_late_question(18.4)]},
            "asked for after",
        ),
        ({"arrivals": [_arrival(1.0, overlaps=True)]}, "was in flight"),
        (
            {
                "struck": [_struck("freeze", 10.0, 18.0)],
                "arrivals": [_arrival(9.0), _arrival(18.2), _arrival(18.3, "two")],
            },
            "after its thaw",
        ),
        ({"exits": [("one", 1)]}, "ended badly"),
        ({"deserters": [("one", 4)]}, "by themselves"),
        ({"left_behind": [4711]}, "left behind"),
        ({"bad_lines": ["run.log: Traceback"]}, "bad log lines"),
        ({"ledger_says": ["lane: 1 lost"]}, "the ledger command's answer: lane: 1 lost"),
        ({"floods": ["run.log: 3500 lines at 10:15:00"]}, "floods of log lines"),
        (
            {
                "struck": [_struck("partner 503", 10.0, 12.0)],
                "arrivals": [_arrival(9.0), _arrival(30.0)],
            },
            "silent for 18.0 s",
        ),
    ],
)
def test_whatever_was_not_kept_is_said(changed: dict[str, Any], said: str) -> None:
    found = failures(replace(GOOD, **changed))

    assert any(said in sentence for sentence in found), found


@pytest.mark.parametrize(
    ("other", "is_measured"),
    [(_struck("broker stop", 37.0, 50.0), False), (_struck("broker stop", 52.0, 54.0), True)],
)
def test_a_silence_is_that_of_a_fault_only_where_no_other_reaches_into_it(
    other: Struck, is_measured: bool
) -> None:
    """
    Replicas that take half a minute to start may be there just when the broker stops.
    """
    scaled = _struck("scale", 12.0, 38.0)
    arrivals = [_arrival(9.0), _arrival(12.5), _arrival(51.5)]

    found = recovery(replace(GOOD, struck=[scaled, other], arrivals=arrivals), scaled)

    assert found == (13.5 if is_measured else None)
