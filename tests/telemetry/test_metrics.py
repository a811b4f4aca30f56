"""What operators' dashboards rely on: names, labels, and numbers that mean what they say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pipeline.telemetry.facts import LaneLabel, Telemetry
from pipeline.telemetry.metrics import PrometheusTelemetry
from tests.fakes.telemetry import RecordingTelemetry
from tests.telemetry.facts import LANE, TOPIC, state_every_fact

LANE_VALUES = {"destination": "amazon-na", "connection": "connection-1"}
CONNECTION = {"connection": "connection-1"}

# Published, and held on to by dashboards and alerts of others: a line may join, none may change.
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
    ("audience_records_expired_total", LANE_VALUES, 1),
    ("audience_records_accepted_total", {**LANE_VALUES, "action": "add"}, 89),
    ("audience_records_applied_total", LANE_VALUES, 80),
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
    ("audience_jobs_total", {**CONNECTION, "state": "SUCCEEDED"}, 1),
    ("audience_job_duration_seconds_sum", {}, 45),
    ("audience_status_polls_total", {"code": "200"}, 1),
    ("audience_freshness_seconds_count", {"stage": "accepted"}, 89),
    ("audience_consumer_lag_records", {"topic": TOPIC, "partition": "0"}, 94),
    # Not in the first published list.
    ("audience_events_ignored_total", {"source": "cdp.membership", "reason": "tombstone"}, 1),
    ("audience_jobs_wholly_invalid_total", {**CONNECTION, "audience_id": "347891"}, 1),
    ("audience_token_refreshes_total", {"destination": "amazon-na", "outcome": "renewed"}, 1),
    ("audience_offsets_lost_total", {"topic": TOPIC, "partition": "0"}, 5),
    (
        "audience_fetch_failures_total",
        {"topic": TOPIC, "partition": "0", "reason": "CorruptRecordException"},
        1,
    ),
    ("audience_commit_failures_total", {"stage": "ingest"}, 1),
    ("audience_partitions_assigned", {"stage": "ingest"}, 6),
    ("audience_buffered_bytes", {}, 65_536),
    ("audience_audiences_paused", CONNECTION, 2),
    ("audience_build_info", {"version": "1.2.3"}, 1),
]


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> PrometheusTelemetry:
    return PrometheusTelemetry(registry)


@pytest.mark.parametrize(("name", "labels", "value"), CONTRACT, ids=[row[0] for row in CONTRACT])
def test_every_fact_shows_under_its_published_name_and_labels(
    telemetry: PrometheusTelemetry,
    registry: CollectorRegistry,
    name: str,
    labels: dict[str, str],
    value: float,
) -> None:
    state_every_fact(telemetry)

    assert registry.get_sample_value(name, labels) == value


def test_no_series_is_published_that_the_table_does_not_name(
    telemetry: PrometheusTelemetry,
) -> None:
    state_every_fact(telemetry)

    named = {name.removesuffix("_sum").removesuffix("_count") for name, _, _ in CONTRACT}
    published = {
        name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name, _ in samples(telemetry)
        if name.startswith("audience_")
    }
    assert published == named


def test_a_lane_is_in_one_state_at_a_time(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.lane_state(lane=LANE, state="running")
    telemetry.lane_state(lane=LANE, state="blocked")

    assert states_of(registry, LANE) == {
        "running": 0,
        "paused": 0,
        "throttled": 0,
        "blocked": 1,
        "taking_over": 0,
    }


def test_a_lane_that_moved_to_another_process_is_reported_by_it_alone() -> None:
    former, successor = CollectorRegistry(), CollectorRegistry()
    leaving, taking = PrometheusTelemetry(former), PrometheusTelemetry(successor)
    leaving.lane_state(lane=LANE, state="running")
    leaving.cap_used(lane=LANE, window_records=900, limit=1000)

    leaving.lane_released(lane=LANE)
    taking.lane_state(lane=LANE, state="taking_over")
    taking.cap_used(lane=LANE, window_records=0, limit=1000)

    assert states_of(former, LANE) == {}
    assert former.get_sample_value("audience_cap_window_records", CONNECTION) is None
    assert former.get_sample_value("audience_cap_limit_records", CONNECTION) is None
    assert states_of(successor, LANE)["taking_over"] == 1
    assert successor.get_sample_value("audience_cap_window_records", CONNECTION) == 0


def test_what_was_counted_for_a_lane_survives_its_release(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.records_applied(lane=LANE, count=5)

    telemetry.lane_released(lane=LANE)

    assert registry.get_sample_value("audience_records_applied_total", LANE_VALUES) == 5


def test_a_lane_that_comes_back_is_reported_again(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.cap_used(lane=LANE, window_records=10, limit=1000)
    telemetry.lane_released(lane=LANE)

    telemetry.cap_used(lane=LANE, window_records=20, limit=1000)

    assert registry.get_sample_value("audience_cap_window_records", CONNECTION) == 20


def test_the_lag_of_a_partition_that_moved_is_no_longer_reported(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.consumer_lag(topic=TOPIC, partition=0, records=94)

    telemetry.partition_released(topic=TOPIC, partition=0)

    labels = {"topic": TOPIC, "partition": "0"}
    assert registry.get_sample_value("audience_consumer_lag_records", labels) is None


def test_rare_troubles_of_a_lane_begin_at_zero_so_that_the_first_one_is_an_increase(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.jobs_pending(lane=LANE, count=0)
    telemetry.consumer_lag(topic=TOPIC, partition=0, records=0)

    assert registry.get_sample_value("audience_records_unknown_total", LANE_VALUES) == 0
    assert registry.get_sample_value("audience_records_failed_total", LANE_VALUES) == 0
    labels = {"topic": TOPIC, "partition": "0"}
    assert registry.get_sample_value("audience_offsets_lost_total", labels) == 0


@example([(60.0, 3)])
@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.integers(0, 6000)),
        max_size=8,
    )
)
def test_freshness_weighs_each_batch_by_its_records(ages: list[tuple[float, int]]) -> None:
    registry = CollectorRegistry()
    telemetry = PrometheusTelemetry(registry)

    for seconds, count in ages:
        telemetry.freshness(stage="applied", seconds=seconds, count=count)

    def within(bound: str) -> float:
        labels = {"stage": "applied", "le": bound}
        return registry.get_sample_value("audience_freshness_seconds_bucket", labels) or 0

    for bound in ("0.1", "1.0", "60.0", "86400.0", "+Inf"):
        assert within(bound) == sum(count for seconds, count in ages if seconds <= float(bound))


def test_an_upstream_clock_that_is_ahead_never_makes_the_sum_fall(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.freshness(stage="ingest", seconds=-30, count=10)

    labels = {"stage": "ingest"}
    assert registry.get_sample_value("audience_freshness_seconds_sum", labels) == 0
    assert registry.get_sample_value("audience_freshness_seconds_count", labels) == 10


def test_two_processes_in_one_interpreter_do_not_meet() -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    PrometheusTelemetry(one).events_consumed(source="a", count=1)
    PrometheusTelemetry(other)

    assert one.get_sample_value("audience_events_consumed_total", {"source": "a"}) == 1
    assert other.get_sample_value("audience_events_consumed_total", {"source": "a"}) is None


def test_the_exposition_holds_no_creation_times(telemetry: PrometheusTelemetry) -> None:
    state_every_fact(telemetry)

    assert [name for name, _ in samples(telemetry) if name.endswith("_created")] == []


def test_the_exposition_tells_the_memory_of_the_process(telemetry: PrometheusTelemetry) -> None:
    assert "process_resident_memory_bytes" in {name for name, _ in samples(telemetry)}


def test_the_fake_takes_every_fact_too() -> None:
    fake = RecordingTelemetry()

    state_every_fact(fake)
    fake.lane_released(lane=LANE)

    assert fake.count("records_accepted") == 89
    assert fake.count("records_accepted", "amazon-na", "connection-1", "remove") == 0
    assert ("lane_state", "amazon-na", "connection-1", "running") not in fake.levels


def samples(telemetry: PrometheusTelemetry) -> list[tuple[str, dict[str, str]]]:
    text, _ = telemetry.exposition()
    return [
        (sample.name, sample.labels)
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    ]


def states_of(registry: CollectorRegistry, lane: LaneLabel) -> dict[str, float]:
    return {
        sample.labels["state"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "audience_lane_state" and sample.labels["connection"] == lane.connection
    }


def both_are_telemetry(real: PrometheusTelemetry, fake: RecordingTelemetry) -> list[Telemetry]:
    """The type checker's proof that both can stand where flow code asks for `Telemetry`."""
    return [real, fake]
