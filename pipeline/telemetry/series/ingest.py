"""`IngestTelemetry` as series."""

from collections.abc import Iterable
from typing import get_args

from pipeline.domain.change import Action
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.telemetry.facts import LaneLabel, Milestone
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import CounterSeries, Metrics
from pipeline.telemetry.series.records import LANE, Freshness


class IngestMetrics:
    """The metrics of ingest."""

    def __init__(self, metrics: Metrics, known: KnownLabels, freshness: Freshness) -> None:
        def of_sources(name: str, label: str, values: Iterable[str], meaning: str) -> CounterSeries:
            begins = crossed(known.of_sources(), values)
            return metrics.counter(name, ("source", label), meaning, begins=begins)

        self._freshness = freshness
        self._events = metrics.counter(
            "events_consumed",
            ("source",),
            "Events read from upstream and committed.",
            begins=known.of_sources(),
        )
        self._ignored = of_sources(
            "events_ignored", "reason", get_args(IgnoredReason), "Events that state no membership."
        )
        self._changes = of_sources(
            "changes", "action", get_args(Action), "Membership changes read."
        )
        self._rejected = of_sources(
            "changes_rejected", "reason", get_args(RejectedReason), "Changes that cannot be sent."
        )
        self._withheld = metrics.counter(
            "changes_withheld",
            ("destination", "reason"),
            "Changes that consent forbids to send.",
            begins=crossed(known.of_destinations(), get_args(WithheldReason)),
        )
        self._registry_away = metrics.gauge(
            "schema_registry_away",
            ("source",),
            "1 while a schema is needed and cannot be fetched.",
        )
        self._prepared = metrics.counter(
            "records_prepared",
            LANE,
            "Records durable in the topic of their lane.",
            begins=known.of_lanes(),
        )

    def events_consumed(self, *, source: str, count: int) -> None:
        self._events.add(count, source)

    def events_ignored(self, *, source: str, reason: IgnoredReason, count: int) -> None:
        self._ignored.add(count, source, reason)

    def changes_read(self, *, source: str, action: Action, count: int) -> None:
        self._changes.add(count, source, action)

    def changes_rejected(self, *, source: str, reason: RejectedReason, count: int) -> None:
        self._rejected.add(count, source, reason)

    def changes_withheld(self, *, destination: str, reason: WithheldReason, count: int) -> None:
        self._withheld.add(count, destination, reason)

    def registry_waited_for(self, *, source: str, is_away: bool) -> None:
        self._registry_away.show(int(is_away), source)

    def records_prepared(self, *, lane: LaneLabel, count: int) -> None:
        self._prepared.add(count, lane.destination, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._freshness.observe(stage, seconds, count)
