"""Facts become series that a Prometheus server can scrape: one class for each room of facts."""

from dataclasses import dataclass
from typing import get_args

from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import FlushReason, LaneLabel, LaneState, Milestone, TokenOutcome
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.metrics import Metrics


class ProcessMetrics:
    """`ProcessTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def build_info(self, *, version: str) -> None:
        self._metrics.show("build_info", 1, version)


class DeadLetterMetrics:
    """`DeadLetterTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def dead_letters_written(self, *, stage: StageName, reason: RejectedReason, count: int) -> None:
        self._metrics.count("dead_letters", count, stage, reason)


class IngestMetrics:
    """`IngestTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def events_consumed(self, *, source: str, count: int) -> None:
        self._metrics.count("events_consumed", count, source)

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        self._metrics.count("events_ignored", count, source, reason)

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        self._metrics.count("changes", count, source, action)

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        self._metrics.count("changes_rejected", count, source, reason)

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        self._metrics.count("changes_withheld", count, destination, reason)

    def registry_waited_for(self, *, source: str, is_away: bool) -> None:
        self._metrics.show("schema_registry_away", int(is_away), source)

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_prepared", count, lane.destination, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._metrics.observe_freshness(stage, seconds, count)


class UploadMetrics:
    """`UploadTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        for each in get_args(LaneState):
            self._metrics.show("lane_state", float(each == state), lane.connection, each)

    def lane_released(self, *, lane: LaneLabel) -> None:
        for state in get_args(LaneState):
            self._metrics.forget("lane_state", lane.connection, state)
        self._metrics.forget("cap_window_records", lane.connection)
        self._metrics.forget("cap_limit_records", lane.connection)
        self._metrics.forget("audiences_paused", lane.connection)

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_superseded", count, lane.destination, lane.connection)

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:  # noqa: ARG002
        # One series for all lanes, as published: a lane's requests are told apart by destination.
        self._metrics.count("batch_flushes", 1, reason)
        self._metrics.observe("batch_records", records)

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        self._metrics.count("records_accepted", count, lane.destination, lane.connection, action)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_applied", count, lane.destination, lane.connection)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_unknown", count, lane.destination, lane.connection)

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        self._metrics.show("cap_window_records", window_records, lane.connection)
        self._metrics.show("cap_limit_records", limit, lane.connection)

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        self._metrics.count("cap_wait_seconds", seconds, lane.connection)

    def buffered_bytes(self, size: int) -> None:
        self._metrics.show("buffered_bytes", size)

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.show("audiences_paused", count, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._metrics.observe_freshness(stage, seconds, count)


class PollMetrics:
    """`PollTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.show("jobs_pending", count, lane.connection)

    def jobs_of_other_versions(self, count: int) -> None:
        self._metrics.show("jobs_of_other_versions", count)

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        self._metrics.count("jobs", 1, lane.connection, state)
        self._metrics.observe("job_duration_seconds", seconds)

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        self._metrics.count("jobs_wholly_invalid", 1, lane.connection, audience_id)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_applied", count, lane.destination, lane.connection)

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_invalid", count, lane.destination, lane.connection)

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_failed", count, lane.destination, lane.connection)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._metrics.count("records_unknown", count, lane.destination, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._metrics.observe_freshness(stage, seconds, count)


class KafkaMetrics:
    """`KafkaTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def partitions_assigned(self, *, stage: StageName, count: int) -> None:
        self._metrics.show("partitions_assigned", count, stage)

    def commit_failed(self, *, stage: StageName) -> None:
        self._metrics.count("commit_failures", 1, stage)

    def consumer_lag(self, *, topic: str, partition: int, records: int) -> None:
        # Partitions of upstream topics are known when they are assigned, and not before.
        self._metrics.count("offsets_lost", 0, topic, str(partition))
        self._metrics.show("consumer_lag_records", records, topic, str(partition))

    def partition_released(self, *, topic: str, partition: int) -> None:
        self._metrics.forget("consumer_lag_records", topic, str(partition))

    def offsets_lost(self, *, topic: str, partition: int, records: int) -> None:
        self._metrics.count("offsets_lost", records, topic, str(partition))

    def fetch_failed(self, *, topic: str, partition: int, reason: str) -> None:
        self._metrics.count("partition_errors", 1, topic, str(partition), reason)


class PartnerMetrics:
    """`PartnerTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def request_answered(
        self, *, destination: str, endpoint: str, code: str, seconds: float
    ) -> None:
        self._metrics.count("requests", 1, destination, endpoint, code)
        self._metrics.observe("request_duration_seconds", seconds)

    def tokens_refreshed(self, *, destination: str, outcome: TokenOutcome) -> None:
        self._metrics.count("token_refreshes", 1, destination, outcome)

    def status_polled(self, *, destination: str, code: str) -> None:  # noqa: ARG002
        # One series for all destinations, as published; `requests` tells them apart.
        self._metrics.count("status_polls", 1, code)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusTelemetry:
    """The facts of every room, in one registry; each room is handed its own."""

    process: ProcessMetrics
    dead_letters: DeadLetterMetrics
    ingest: IngestMetrics
    upload: UploadMetrics
    poll: PollMetrics
    kafka: KafkaMetrics
    partner: PartnerMetrics
    metrics: Metrics
    """What they all count into; it makes the exposition."""


def prometheus_telemetry(known: KnownLabels | None = None) -> PrometheusTelemetry:
    """Make the registry of a process, with every known counter at zero."""
    metrics = Metrics(known or KnownLabels())
    return PrometheusTelemetry(
        process=ProcessMetrics(metrics),
        dead_letters=DeadLetterMetrics(metrics),
        ingest=IngestMetrics(metrics),
        upload=UploadMetrics(metrics),
        poll=PollMetrics(metrics),
        kafka=KafkaMetrics(metrics),
        partner=PartnerMetrics(metrics),
        metrics=metrics,
    )
