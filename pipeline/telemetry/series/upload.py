"""`UploadTelemetry` as series."""

from typing import Final, get_args

from pipeline.domain.change import Action
from pipeline.telemetry.facts import FlushReason, LaneLabel, Milestone
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.series.records import LANE, Freshness, RecordEnds

_BATCH_RECORDS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 10000)


class UploadMetrics:
    """The metrics of records in upload."""

    def __init__(
        self, metrics: Metrics, known: KnownLabels, ends: RecordEnds, freshness: Freshness
    ) -> None:
        self._ends = ends
        self._freshness = freshness
        self._superseded = metrics.counter(
            "records_superseded",
            LANE,
            "Records overtaken by a later change of their member.",
            begins=known.of_lanes(),
        )
        self._accepted = metrics.counter(
            "records_accepted",
            (*LANE, "action"),
            "Records of requests the partner took.",
            begins=crossed(known.of_lanes(), get_args(Action)),
        )
        self._flushes = metrics.counter(
            "batch_flushes",
            ("reason",),
            "Batches sent, by the reason why they were not larger.",
            begins=crossed([()], get_args(FlushReason)),
        )
        self._batch = metrics.histogram(
            "batch_records", (), "Records of a batch.", bounds=_BATCH_RECORDS
        )

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        self._superseded.add(count, lane.destination, lane.connection)

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:  # noqa: ARG002
        # One series for all lanes, as published; `requests` tells destinations apart.
        self._flushes.add(1, reason)
        self._batch.observe(records)

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        self._accepted.add(count, lane.destination, lane.connection, action)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.applied(lane, count)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.unknown(lane, count)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._freshness.observe(stage, seconds, count)
