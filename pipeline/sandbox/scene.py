"""The values of one moment of a run, and the speed of its counters."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.sandbox.adobe_reconciliation import Ingested
from pipeline.sandbox.demo_options import SandboxOptions
from pipeline.sandbox.readings import Reading

SPEED_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The values that the view shows. Times in seconds since the start."""

    options: SandboxOptions
    seconds: float
    phase: str
    written: int
    """Events that upstream has written so far."""
    expected: Mapping[str, int]
    """The records that the events so far imply, by connection."""
    reading: Reading | None
    """None until the pipeline answers."""
    faults: Mapping[str, int]
    """The faults of both partners."""
    events_a_second: float
    records_a_second: float
    ingested: Ingested | None = None
    """The state at Adobe; None if the run has no Adobe."""
    to_ingest: int = 0
    """The members of all Adobe audiences that the events so far imply."""

    @property
    def consumed(self) -> int:
        return 0 if self.reading is None else self.reading.told.consumed

    @property
    def delivered(self) -> int:
        """Records that need not be sent any more."""
        if self.reading is None:
            return 0
        total = self.reading.told.total()
        return total.superseded + total.accepted + self.reading.told.letters_of("upload")

    @property
    def ended(self) -> int:
        """Records whose jobs have also ended."""
        if self.reading is None:
            return 0
        total = self.reading.told.total()
        return total.superseded + total.ended + self.reading.told.letters_of("upload")


@dataclass(slots=True)
class Speed:
    """The speed of a counter over the last seconds."""

    _points: deque[tuple[float, int]] = field(default_factory=deque)

    def seen(self, seconds: float, count: int) -> float:
        """Take a value of the counter; returns its growth per second."""
        self._points.append((seconds, count))
        while len(self._points) > 2 and self._points[1][0] <= seconds - SPEED_SECONDS:
            self._points.popleft()
        first_at, first = self._points[0]
        return (count - first) / (seconds - first_at) if seconds > first_at else 0.0
