"""`UploadTelemetry` as series."""

from typing import Final, get_args

from pipeline.domain.change import Action
from pipeline.telemetry.facts import FlushReason, LaneLabel, LaneState, Milestone
from pipeline.telemetry.first_values import KnownLabels, crossed
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.series.lanes import LANE, Freshness, RecordEnds

_CONNECTION: Final = ("connection",)
_BATCH_RECORDS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000, 6000, 10000)


class UploadMetrics:
    """What upload says, counted."""

    def __init__(
        self, metrics: Metrics, known: KnownLabels, ends: RecordEnds, freshness: Freshness
    ) -> None:
        self._ends = ends
        self._freshness = freshness
        self._lanes = _LaneLevels(metrics)
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
            "Batches sent, by why they were not larger.",
            begins=crossed([()], get_args(FlushReason)),
        )
        self._batch = metrics.histogram(
            "batch_records", (), "Records of a batch.", bounds=_BATCH_RECORDS
        )
        self._cap_wait = metrics.counter(
            "cap_wait_seconds",
            _CONNECTION,
            "Time that ready batches waited for the cap.",
            begins=known.of_connections(),
        )
        self._buffered = metrics.gauge("buffered_bytes", (), "Memory budget taken.")

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        for each in get_args(LaneState):
            self._lanes.state.show(float(each == state), lane.connection, each)

    def lane_released(self, *, lane: LaneLabel) -> None:
        self._lanes.forget(lane.connection)

    def records_superseded(self, *, lane: LaneLabel, count: int) -> None:
        self._superseded.add(count, lane.destination, lane.connection)

    def batch_sent(self, *, lane: LaneLabel, reason: FlushReason, records: int) -> None:  # noqa: ARG002
        # One series for all lanes, as published: a lane's requests are told apart by destination.
        self._flushes.add(1, reason)
        self._batch.observe(records)

    def records_accepted(self, *, lane: LaneLabel, action: Action, count: int) -> None:
        self._accepted.add(count, lane.destination, lane.connection, action)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.applied(lane, count)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.unknown(lane, count)

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        self._lanes.cap_window.show(window_records, lane.connection)
        self._lanes.cap_limit.show(limit, lane.connection)

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        self._cap_wait.add(seconds, lane.connection)

    def buffered_bytes(self, size: int) -> None:
        self._buffered.show(size)

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        self._lanes.paused.show(count, lane.connection)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._freshness.observe(stage, seconds, count)


class _LaneLevels:
    """What the owner of a lane alone shows."""

    def __init__(self, metrics: Metrics) -> None:
        self.state = metrics.gauge(
            "lane_state", ("connection", "state"), "1 for the state a lane is in, 0 for others."
        )
        self.cap_window = metrics.gauge(
            "cap_window_records", _CONNECTION, "Records sent in the window that ends now."
        )
        self.cap_limit = metrics.gauge(
            "cap_limit_records", _CONNECTION, "Records a window must stay under."
        )
        self.paused = metrics.gauge(
            "audiences_paused", _CONNECTION, "Audiences paused, or sending what was kept."
        )

    def forget(self, connection: str) -> None:
        for gauge in (self.state, self.cap_window, self.cap_limit, self.paused):
            gauge.forget(connection)
