"""`LaneTelemetry` as series."""

from typing import Final, get_args

from pipeline.telemetry.facts import LaneLabel, LaneState
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.metrics import Metrics

_CONNECTION: Final = ("connection",)


class LaneMetrics:
    """The metrics of lanes, shown only by the owner of each lane."""

    def __init__(self, metrics: Metrics, known: KnownLabels) -> None:
        self._state = metrics.gauge(
            "lane_state", ("connection", "state"), "1 for the state a lane is in, 0 for others."
        )
        self._cap_window = metrics.gauge(
            "cap_window_records", _CONNECTION, "Records sent in the window that ends now."
        )
        self._cap_limit = metrics.gauge(
            "cap_limit_records", _CONNECTION, "Records that a window must stay below."
        )
        self._cap_wait = metrics.counter(
            "cap_wait_seconds",
            _CONNECTION,
            "Time that ready batches waited for the cap.",
            begins=known.of_connections(),
        )
        self._buffered = metrics.gauge("buffered_bytes", (), "Memory budget taken.")
        self._paused = metrics.gauge(
            "audiences_paused",
            _CONNECTION,
            "Audiences paused, refused with a long backlog, or sending kept records.",
        )

    def lane_state(self, *, lane: LaneLabel, state: LaneState) -> None:
        for each in get_args(LaneState):
            self._state.show(float(each == state), lane.connection, each)

    def lane_released(self, *, lane: LaneLabel) -> None:
        for gauge in (self._state, self._cap_window, self._cap_limit, self._paused):
            gauge.forget(lane.connection)

    def cap_used(self, *, lane: LaneLabel, window_records: int, limit: int) -> None:
        self._cap_window.show(window_records, lane.connection)
        self._cap_limit.show(limit, lane.connection)

    def cap_waited(self, *, lane: LaneLabel, seconds: float) -> None:
        self._cap_wait.add(seconds, lane.connection)

    def buffered_bytes(self, size: int) -> None:
        self._buffered.show(size)

    def audiences_paused(self, *, lane: LaneLabel, count: int) -> None:
        self._paused.show(count, lane.connection)
