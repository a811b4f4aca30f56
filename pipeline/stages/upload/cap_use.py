"""How much of its cap a lane uses, for its status and its metric."""

from collections.abc import Callable

from pipeline.domain.quota import RollingWindow
from pipeline.stages.upload.cap_limiter import Cost
from pipeline.telemetry.facts import LaneLabel, LaneTelemetry


class CapUse:
    """Counts what the partner counted, or may have counted, of a lane's attempts.

    It shows the records in the window that ends now.
    """

    def __init__(
        self,
        *,
        cap: int | None,
        window: float,
        label: LaneLabel,
        telemetry: LaneTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self.cap = cap
        self._window = RollingWindow(window)
        self._label = label
        self._telemetry = telemetry
        self._clock = clock

    def add(self, cost: Cost) -> None:
        """Count one attempt; the cost of a refused attempt has no records."""
        self._window.add(cost.records, self._clock())
        self.show()

    def records(self) -> int:
        return self._window.total(self._clock())

    def show(self) -> None:
        if self.cap is not None:
            self._telemetry.cap_used(
                lane=self._label, window_records=self.records(), limit=self.cap
            )

    def waited(self, seconds: float) -> None:
        """Report how long a ready batch waited for the cap."""
        self._telemetry.cap_waited(lane=self._label, seconds=seconds)
