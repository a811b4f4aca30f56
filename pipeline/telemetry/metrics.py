"""Facts become Prometheus series here, and only here is `prometheus_client` imported."""

from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from itertools import accumulate
from typing import Generic, TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipeline.domain.change import Action
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import (
    FlushReason,
    LaneLabel,
    LaneState,
    Milestone,
    Stage,
    TokenOutcome,
)
from pipeline.telemetry.series import (
    BATCH,
    BATCH_RECORDS,
    COUNTERS,
    FRESHNESS,
    FRESHNESS_SECONDS,
    GAUGES,
    JOB,
    JOB_SECONDS,
    LANE,
    REQUEST,
    REQUEST_SECONDS,
    Series,
)


class PrometheusTelemetry:
    """Telemetry that a Prometheus server can scrape; one for each registry.

    Every series about a lane or a partition begins at zero when it is first spoken of, because
    `increase()` cannot see a step from nothing.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._counters = {each.name: _Children(_counter(each, registry)) for each in COUNTERS}
        self._gauges = {each.name: _Children(_gauge(each, registry)) for each in GAUGES}
        self._freshness = _WeightedHistogram(FRESHNESS, FRESHNESS_SECONDS)
        registry.register(self._freshness)
        self._request_seconds = _histogram(REQUEST, REQUEST_SECONDS, registry)
        self._batch_records = _histogram(BATCH, BATCH_RECORDS, registry)
        self._job_seconds = _histogram(JOB, JOB_SECONDS, registry)
        self._lanes: set[LaneLabel] = set()
        ProcessCollector(registry=registry)

    def exposition(self) -> tuple[bytes, str]:
        """Every series in the Prometheus text format, and its content type."""
        return generate_latest(_WithoutBirthdays(self._registry)), CONTENT_TYPE_LATEST

    def build_info(self, *, version: str) -> None:
        self._show("build_info", 1, version)

    def events_consumed(self, *, source: str, count: int) -> None:
        self._count("events_consumed", count, source)

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        self._count("events_ignored", count, source, reason)

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        self._count("changes", count, source, action)

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        self._count("changes_rejected", count, source, reason)

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        self._count("changes_withheld", count, destination, reason)

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_prepared", count, lane.destination, lane.connection)

    def partitions_assigned(self, *, stage: Stage, count: int) -> None:
        self._show("partitions_assigned", count, stage)

    def commit_failed(self, *, stage: Stage) -> None:
        self._count("commit_failures", 1, stage)

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        self._count("offsets_lost", 0, topic, str(partition))
        self._show("consumer_lag_records", records, topic, str(partition))

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        self._count("offsets_lost", records, topic, str(partition))

    def partition_released(self, *, topic: str, partition: int) -> None:
        self._gauges["consumer_lag_records"].forget(topic, str(partition))

    def dead_letters_written(self, *, stage: Stage, reason: RejectedReason, count: int) -> None:
        self._count("dead_letters", count, stage, reason)

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        self._introduce(lane)
        for each in get_args(LaneState):
            self._show("lane_state", float(each == state), lane.connection, each)

    def lane_released(self, *, lane: LaneLabel) -> None:
        for state in get_args(LaneState):
            self._gauges["lane_state"].forget(lane.connection, state)
        self._gauges["cap_window_records"].forget(lane.connection)
        self._gauges["cap_limit_records"].forget(lane.connection)
        self._gauges["audiences_paused"].forget(lane.connection)

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_superseded", count, lane.destination, lane.connection)

    def records_expired(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_expired", count, lane.destination, lane.connection)

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:
        self._introduce(lane)
        self._count("batch_flushes", 1, reason)
        self._batch_records.observe(records)

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        self._count("requests", 1, destination, endpoint, code)
        self._request_seconds.observe(seconds)

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        self._count("records_accepted", count, lane.destination, lane.connection, action)

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        self._show("cap_window_records", window_records, lane.connection)
        self._show("cap_limit_records", limit, lane.connection)

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        self._count("cap_wait_seconds", seconds, lane.connection)

    def buffered_bytes(self, size: int) -> None:
        self._show("buffered_bytes", size)

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        self._show("audiences_paused", count, lane.connection)

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        self._count("token_refreshes", 1, destination, outcome)

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        self._introduce(lane)
        self._show("jobs_pending", count, lane.connection)

    def status_polled(self, *, destination: str, code: str) -> None:  # noqa: ARG002
        # One series for all destinations, as published; `requests` tells them apart.
        self._count("status_polls", 1, code)

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        self._count("jobs", 1, lane.connection, state)
        self._job_seconds.observe(seconds)

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        self._count("jobs_wholly_invalid", 1, lane.connection, audience_id)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_applied", count, lane.destination, lane.connection)

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_invalid", count, lane.destination, lane.connection)

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_failed", count, lane.destination, lane.connection)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._count("records_unknown", count, lane.destination, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        # A clock of an upstream that is ahead of ours must not make a sum go down.
        self._freshness.observe(stage, max(0.0, seconds), count)

    def _count(self, name: str, amount: float, *labels: str) -> None:
        self._counters[name].of(labels).inc(amount)

    def _show(self, name: str, level: float, *labels: str) -> None:
        self._gauges[name].of(labels).set(level)

    def _introduce(self, lane: LaneLabel) -> None:
        if lane in self._lanes:
            return
        self._lanes.add(lane)
        for each in COUNTERS:
            if each.labels == LANE:
                self._count(each.name, 0, lane.destination, lane.connection)
        for action in get_args(Action):
            self._count("records_accepted", 0, lane.destination, lane.connection, action)


def _counter(series: Series, registry: CollectorRegistry) -> Counter:
    return Counter(f"audience_{series.name}", series.meaning, series.labels, registry=registry)


def _gauge(series: Series, registry: CollectorRegistry) -> Gauge:
    return Gauge(f"audience_{series.name}", series.meaning, series.labels, registry=registry)


def _histogram(series: Series, bounds: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(f"audience_{series.name}", series.meaning, buckets=bounds, registry=registry)


Child = TypeVar("Child", Counter, Gauge)


class _Children(Generic[Child]):
    """The series of one metric, kept: the library's `labels()` checks and locks each time."""

    def __init__(self, parent: Child) -> None:
        self._parent: Child = parent
        self._children: dict[tuple[str, ...], Child] = {}

    def of(self, labels: tuple[str, ...]) -> Child:
        child = self._children.get(labels)
        if child is None:
            child = self._parent.labels(*labels) if labels else self._parent
            self._children[labels] = child
        return child

    def forget(self, *labels: str) -> None:
        if self._children.pop(labels, None) is not None:
            self._parent.remove(*labels)


class _WeightedHistogram(Collector):
    """A histogram by one label that takes a batch at once, which the library's own cannot."""

    def __init__(self, series: Series, bounds: tuple[float, ...]) -> None:
        self._series = series
        self._bounds = bounds
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, value: float, count: int) -> None:
        counts = self._counts.setdefault(label, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += count
        self._sums[label] = self._sums.get(label, 0.0) + value * count

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            f"audience_{self._series.name}", self._series.meaning, labels=self._series.labels
        )
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        for label, counts in self._counts.items():
            buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
            family.add_metric([label], buckets, self._sums[label])
        yield family


class _WithoutBirthdays(Collector):
    """The same series without `_created`, which doubles them and which nothing here reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            samples = [each for each in metric.samples if not each.name.endswith("_created")]
            kept = copy(metric)
            kept.samples = samples
            yield kept
