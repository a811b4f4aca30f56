"""How much of its cap a lane uses: what its status and its metric show."""

from collections.abc import Callable

from pipeline.domain.quota import RollingWindow
from pipeline.stages.upload.cap_limiter import Cost
from pipeline.telemetry.facts import LaneLabel, LaneTelemetry


class CapUse:
    """What the partner counted of a lane's attempts, or may have counted.

    Shown are the records in the window that ends now.
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
        """One attempt: of a refused one the request and its bytes, and no records."""
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
        """A batch that was ready waited so long for the cap."""
        self._telemetry.cap_waited(lane=self._label, seconds=seconds)
