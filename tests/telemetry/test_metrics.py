"""What operators' dashboards rely on: names, labels, and numbers that mean what they say."""

from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import FlushReason, LaneLabel, RunEnd, TokenOutcome
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import PrometheusTelemetry, prometheus_telemetry
from tests.fakes.snapshot_telemetry import RecordingSnapshots
from tests.fakes.telemetry import RecordingTelemetry
from tests.telemetry.facts import LANE, TOPIC, AllTelemetry, state_every_fact

LANE_VALUES = {"destination": "amazon-na", "connection": "connection-1"}
CONNECTION = {"connection": "connection-1"}
ADOBE = {"destination": "adobe-prod"}
AUDIENCE = {**ADOBE, "audience": "aud-1"}

# Published, and relied on by dashboards and alerts of others: a line may join, none may change.
CONTRACT: list[tuple[str, dict[str, str], float]] = [
    ("audience_events_consumed_total", {"source": "cdp.membership"}, 100),
    ("audience_changes_total", {"source": "cdp.membership", "action": "add"}, 99),
    ("audience_changes_rejected_total", {"source": "cdp.membership", "reason": "malformed"}, 2),
    (
        "audience_changes_withheld_total",
        {"destination": "amazon-na", "reason": "consent_denied"},
        3,
    ),
    ("audience_records_prepared_total", LANE_VALUES, 94),
    ("audience_records_superseded_total", LANE_VALUES, 4),
    ("audience_records_accepted_total", {**LANE_VALUES, "action": "add"}, 89),
    ("audience_records_applied_total", LANE_VALUES, 85),
    ("audience_records_invalid_total", LANE_VALUES, 4),
    ("audience_records_failed_total", LANE_VALUES, 3),
    ("audience_records_unknown_total", LANE_VALUES, 2),
    ("audience_dead_letters_total", {"stage": "ingest", "reason": "malformed"}, 2),
    (
        "audience_requests_total",
        {"destination": "amazon-na", "endpoint": "records", "code": "202"},
        1,
    ),
    ("audience_request_duration_seconds_sum", {}, 0.3),
    ("audience_request_duration_seconds_count", {}, 1),
    ("audience_batch_records_sum", {}, 89),
    ("audience_batch_flushes_total", {"reason": "linger"}, 1),
    ("audience_cap_window_records", CONNECTION, 89),
    ("audience_cap_limit_records", CONNECTION, 15_000_000),
    ("audience_cap_wait_seconds_total", CONNECTION, 0.5),
    ("audience_lane_state", {**CONNECTION, "state": "running"}, 1),
    ("audience_jobs_pending", CONNECTION, 7),
    ("audience_schema_registry_away", {"source": "cdp.membership"}, 1),
    ("audience_jobs_of_other_versions", {}, 2),
    ("audience_jobs_total", {**CONNECTION, "state": "SUCCEEDED"}, 1),
    ("audience_job_duration_seconds_sum", {}, 45),
    ("audience_status_polls_total", {"code": "200"}, 1),
    ("audience_freshness_seconds_count", {"stage": "accepted"}, 89),
    ("audience_consumer_lag_records", {"topic": TOPIC, "partition": "0"}, 94),
    ("audience_brokers_away", {}, 1),
    # Not in the first published list.
    ("audience_events_ignored_total", {"source": "cdp.membership", "reason": "tombstone"}, 1),
    ("audience_jobs_wholly_invalid_total", {**CONNECTION, "audience_id": "347891"}, 1),
    ("audience_token_refreshes_total", {"destination": "amazon-na", "outcome": "renewed"}, 1),
    ("audience_offsets_lost_total", {"topic": TOPIC, "partition": "0"}, 5),
    (
        "audience_partition_errors_total",
        {"topic": TOPIC, "partition": "0", "error": "CorruptRecordError"},
        1,
    ),
    ("audience_commit_failures_total", {"stage": "ingest"}, 1),
    ("audience_partitions_assigned", {"stage": "ingest"}, 6),
    ("audience_buffered_bytes", {}, 65_536),
    ("audience_audiences_paused", CONNECTION, 2),
    ("audience_build_info", {"version": "1.2.3"}, 1),
    ("audience_snapshot_owner", ADOBE, 1),
    ("audience_snapshot_state", {**AUDIENCE, "state": "running"}, 1),
    ("audience_snapshots_stored_total", AUDIENCE, 1),
    ("audience_snapshot_members", AUDIENCE, 900),
    ("audience_snapshot_rows", AUDIENCE, 1100),
    ("audience_snapshot_bytes", AUDIENCE, 70_000),
    ("audience_snapshot_runs_total", {**ADOBE, "end": "applied"}, 1),
    ("audience_snapshot_budget_used", ADOBE, 71),
    ("audience_snapshot_budget_limit", ADOBE, 90),
    ("audience_snapshot_newest_timestamp_seconds", AUDIENCE, 1_800_000_000),
    ("audience_snapshot_expiry_timestamp_seconds", AUDIENCE, 1_802_592_000),
    ("audience_snapshot_freshness_seconds_count", {**ADOBE, "action": "remove"}, 40),
    ("audience_snapshot_overdue_seconds", AUDIENCE, 900),
    ("audience_snapshot_pass_overdue_seconds", ADOBE, 60),
    ("audience_snapshot_members_unfit", ADOBE, 1),
    ("audience_snapshot_beyond_horizon_total", AUDIENCE, 3),
    ("audience_snapshot_open_transaction_seconds", ADOBE, 1300),
]

KNOWN = KnownLabels(
    sources=["cdp.membership"],
    destinations=["amazon-na"],
    lanes=[LANE],
    audiences=[(LANE, "347891")],
    partitions=[(TOPIC, 0)],
    snapshots=[("adobe-prod", "aud-1")],
)


@pytest.fixture
def telemetry() -> PrometheusTelemetry:
    return prometheus_telemetry()


@pytest.mark.parametrize(("name", "labels", "value"), CONTRACT, ids=[row[0] for row in CONTRACT])
def test_every_fact_shows_under_its_published_name_and_labels(
    telemetry: PrometheusTelemetry, name: str, labels: dict[str, str], value: float
) -> None:
    state_every_fact(telemetry)

    assert telemetry.metrics.value(name, **labels) == value


def test_no_series_is_published_that_the_table_does_not_name(
    telemetry: PrometheusTelemetry,
) -> None:
    state_every_fact(telemetry)

    named = {name.removesuffix("_sum").removesuffix("_count") for name, _ in _names()}
    published = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name, _ in samples(telemetry)
        if name.startswith("audience_")
    }
    assert published == named


def test_a_lane_is_in_one_state_at_a_time(telemetry: PrometheusTelemetry) -> None:
    telemetry.lanes.lane_state(lane=LANE, state="running")
    telemetry.lanes.lane_state(lane=LANE, state="blocked")

    assert states_of(telemetry, LANE) == {
        "running": 0,
        "throttled": 0,
        "blocked": 1,
        "taking_over": 0,
    }


def test_a_lane_that_moved_to_another_process_is_reported_by_it_alone() -> None:
    former, successor = prometheus_telemetry(), prometheus_telemetry()
    former.lanes.lane_state(lane=LANE, state="running")
    former.lanes.cap_used(lane=LANE, window_records=900, limit=1000)

    former.lanes.lane_released(lane=LANE)
    successor.lanes.lane_state(lane=LANE, state="taking_over")
    successor.lanes.cap_used(lane=LANE, window_records=0, limit=1000)

    assert states_of(former, LANE) == {}
    assert former.metrics.value("audience_cap_window_records", **CONNECTION) is None
    assert former.metrics.value("audience_cap_limit_records", **CONNECTION) is None
    assert states_of(successor, LANE)["taking_over"] == 1
    assert successor.metrics.value("audience_cap_window_records", **CONNECTION) == 0


def test_what_was_counted_for_a_lane_survives_its_release(telemetry: PrometheusTelemetry) -> None:
    telemetry.poll.records_applied(lane=LANE, count=5)

    telemetry.lanes.lane_released(lane=LANE)

    assert telemetry.metrics.value("audience_records_applied_total", **LANE_VALUES) == 5


def test_a_lane_that_comes_back_is_reported_again(telemetry: PrometheusTelemetry) -> None:
    telemetry.lanes.cap_used(lane=LANE, window_records=10, limit=1000)
    telemetry.lanes.lane_released(lane=LANE)

    telemetry.lanes.cap_used(lane=LANE, window_records=20, limit=1000)

    assert telemetry.metrics.value("audience_cap_window_records", **CONNECTION) == 20


def test_the_lag_of_a_partition_that_moved_is_no_longer_reported(
    telemetry: PrometheusTelemetry,
) -> None:
    telemetry.kafka.consumer_lag(topic=TOPIC, partition=0, records=94)

    telemetry.kafka.partition_released(topic=TOPIC, partition=0)

    labels = {"topic": TOPIC, "partition": "0"}
    assert telemetry.metrics.value("audience_consumer_lag_records", **labels) is None


def test_the_owner_alone_reports_the_snapshots_of_a_destination(
    telemetry: PrometheusTelemetry,
) -> None:
    state_every_fact(telemetry)

    telemetry.snapshot.ownership(destination="adobe-prod", owned=False)

    levels = {name for name, labels in samples(telemetry) if labels.items() >= ADOBE.items()}
    assert telemetry.metrics.value("audience_snapshot_owner", **ADOBE) == 0
    assert {name for name in levels if not name.endswith(("_total", "_bucket", "_sum"))} == {
        "audience_snapshot_owner",
        "audience_snapshot_freshness_seconds_count",
    }


def test_a_snapshot_shows_the_one_state_that_it_is_in(telemetry: PrometheusTelemetry) -> None:
    for audience in ("aud-1", "aud-2"):
        telemetry.snapshot.snapshot_state(
            destination="adobe-prod", audience=audience, state="reading"
        )

    telemetry.snapshot.snapshot_state(destination="adobe-prod", audience="aud-1", state="held")

    shown = {
        (labels["audience"], labels["state"])
        for name, labels in samples(telemetry)
        if name == "audience_snapshot_state"
    }
    assert shown == {("aud-1", "held"), ("aud-2", "reading")}


def test_a_destination_that_nobody_owns_is_seen_before_anybody_owned_it() -> None:
    telemetry = prometheus_telemetry(KNOWN)

    assert telemetry.metrics.value("audience_snapshot_owner", **ADOBE) == 0


FIRST_ZEROS: list[tuple[str, dict[str, str]]] = [
    ("audience_events_consumed_total", {"source": "cdp.membership"}),
    *(
        ("audience_events_ignored_total", {"source": "cdp.membership", "reason": reason})
        for reason in get_args(IgnoredReason)
    ),
    *(
        ("audience_changes_total", {"source": "cdp.membership", "action": action})
        for action in get_args(Action)
    ),
    *(
        ("audience_changes_rejected_total", {"source": "cdp.membership", "reason": reason})
        for reason in get_args(RejectedReason)
    ),
    *(
        ("audience_changes_withheld_total", {"destination": "amazon-na", "reason": reason})
        for reason in get_args(WithheldReason)
    ),
    *(
        (f"audience_records_{end}_total", LANE_VALUES)
        for end in ("prepared", "superseded", "applied", "invalid", "failed", "unknown")
    ),
    *(
        ("audience_records_accepted_total", {**LANE_VALUES, "action": action})
        for action in get_args(Action)
    ),
    *(
        ("audience_dead_letters_total", {"stage": stage, "reason": reason})
        for stage in get_args(StageName)
        for reason in get_args(RejectedReason)
    ),
    *(("audience_batch_flushes_total", {"reason": reason}) for reason in get_args(FlushReason)),
    ("audience_cap_wait_seconds_total", CONNECTION),
    ("audience_jobs_wholly_invalid_total", {**CONNECTION, "audience_id": "347891"}),
    *(
        ("audience_token_refreshes_total", {"destination": "amazon-na", "outcome": outcome})
        for outcome in get_args(TokenOutcome)
    ),
    ("audience_offsets_lost_total", {"topic": TOPIC, "partition": "0"}),
    *(("audience_commit_failures_total", {"stage": stage}) for stage in get_args(StageName)),
    ("audience_snapshots_stored_total", AUDIENCE),
    ("audience_snapshot_beyond_horizon_total", AUDIENCE),
    *(("audience_snapshot_runs_total", {**ADOBE, "end": end}) for end in get_args(RunEnd)),
]


@pytest.mark.parametrize(("name", "labels"), FIRST_ZEROS)
def test_a_counter_that_is_known_begins_at_zero_so_that_its_first_failure_is_an_increase(
    name: str, labels: dict[str, str]
) -> None:
    telemetry = prometheus_telemetry(KNOWN)

    assert telemetry.metrics.value(name, **labels) == 0


def test_every_counter_begins_at_zero_but_those_whose_labels_others_choose() -> None:
    """
    Who adds a counter adds it to the table of first zeros, or says here why its labels are open.
    """
    open_labels = {
        "audience_requests_total",  # statuses are the partner's
        "audience_status_polls_total",
        "audience_jobs_total",  # states are the partner's words
        "audience_partition_errors_total",  # errors are the broker's
    }
    counters = {name for name, _ in _names() if name.endswith("_total")}

    assert counters - {name for name, _ in FIRST_ZEROS} == open_labels


def test_a_partition_of_an_upstream_topic_counts_from_zero_once_its_lag_is_known(
    telemetry: PrometheusTelemetry,
) -> None:
    telemetry.kafka.consumer_lag(topic="cdp.membership", partition=3, records=0)

    labels = {"topic": "cdp.membership", "partition": "3"}
    assert telemetry.metrics.value("audience_offsets_lost_total", **labels) == 0


@example([(60.0, 3)])
@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.integers(0, 6000)),
        max_size=8,
    )
)
def test_freshness_weighs_each_batch_by_its_records(ages: list[tuple[float, int]]) -> None:
    telemetry = prometheus_telemetry()

    for seconds, count in ages:
        telemetry.poll.freshness(stage="applied", seconds=seconds, count=count)

    def within(bound: str) -> float:
        labels = {"stage": "applied", "le": bound}
        return telemetry.metrics.value("audience_freshness_seconds_bucket", **labels) or 0

    for bound in ("0.1", "1.0", "60.0", "86400.0", "+Inf"):
        assert within(bound) == sum(count for seconds, count in ages if seconds <= float(bound))


def test_an_upstream_clock_that_is_ahead_never_makes_the_sum_fall(
    telemetry: PrometheusTelemetry,
) -> None:
    telemetry.ingest.freshness(stage="ingest", seconds=-30, count=10)

    assert telemetry.metrics.value("audience_freshness_seconds_sum", stage="ingest") == 0
    assert telemetry.metrics.value("audience_freshness_seconds_count", stage="ingest") == 10


def test_two_processes_in_one_interpreter_do_not_meet() -> None:
    one, other = prometheus_telemetry(), prometheus_telemetry()

    one.ingest.events_consumed(source="a", count=1)

    assert one.metrics.value("audience_events_consumed_total", source="a") == 1
    assert other.metrics.value("audience_events_consumed_total", source="a") is None


def test_the_exposition_holds_no_creation_times(telemetry: PrometheusTelemetry) -> None:
    state_every_fact(telemetry)

    assert [name for name, _ in samples(telemetry) if name.endswith("_created")] == []


def test_the_exposition_tells_the_memory_of_the_process(telemetry: PrometheusTelemetry) -> None:
    assert "process_resident_memory_bytes" in {name for name, _ in samples(telemetry)}


def test_the_fake_takes_every_fact_too() -> None:
    fake, snapshots = RecordingTelemetry(), RecordingSnapshots()

    state_every_fact(one_at_every_door(fake, snapshots))
    fake.lane_released(lane=LANE)
    snapshots.ownership(destination="adobe-prod", owned=False)

    assert fake.count("records_accepted") == 89
    assert fake.count("records_accepted", "amazon-na", "connection-1", "remove") == 0
    assert ("lane_state", "amazon-na", "connection-1", "running") not in fake.levels
    assert snapshots.counts["run_ended", "adobe-prod", "applied"] == 1
    assert (snapshots.levels, snapshots.states) == ({}, {})


@dataclass(frozen=True, slots=True)
class Doors:
    """One fake that every room speaks to, but that of snapshots: its facts have other labels."""

    process: RecordingTelemetry
    dead_letters: RecordingTelemetry
    ingest: RecordingTelemetry
    lanes: RecordingTelemetry
    upload: RecordingTelemetry
    poll: RecordingTelemetry
    snapshot: RecordingSnapshots
    kafka: RecordingTelemetry
    partner: RecordingTelemetry


def one_at_every_door(fake: RecordingTelemetry, snapshots: RecordingSnapshots) -> AllTelemetry:
    return Doors(fake, fake, fake, fake, fake, fake, snapshots, fake, fake)


def _names() -> list[tuple[str, dict[str, str]]]:
    return [(name, labels) for name, labels, _ in CONTRACT]


def samples(telemetry: PrometheusTelemetry) -> list[tuple[str, dict[str, str]]]:
    text, _ = telemetry.metrics.exposition()
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    ]


def states_of(telemetry: PrometheusTelemetry, lane: LaneLabel) -> dict[str, float]:
    return {
        labels["state"]: telemetry.metrics.value(name, **labels) or 0.0
        for name, labels in samples(telemetry)
        if name == "audience_lane_state" and labels["connection"] == lane.connection
    }
