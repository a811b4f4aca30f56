"""The ends and ages of a lane's records: metrics that several stages share."""

from typing import Final

from pipeline.telemetry.facts import LaneLabel, Milestone
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.metrics import CounterSeries, Metrics

LANE: Final = ("destination", "connection")

# From a demo on one machine to a partner that is away for a week.
_AGES: Final = (
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800),
    *(3600, 7200, 14400, 43200, 86400, 259200, 604800),
)


class RecordEnds:
    """How records ended, by the partner's answer or by its job."""

    def __init__(self, metrics: Metrics, known: KnownLabels) -> None:
        def end(name: str, meaning: str) -> CounterSeries:
            return metrics.counter(f"records_{name}", LANE, meaning, begins=known.of_lanes())

        self._applied = end("applied", "Records whose job ended well.")
        self._invalid = end("invalid", "Records their job named invalid.")
        self._failed = end("failed", "Records whose whole job failed.")
        self._unknown = end("unknown", "Records whose end is not known.")

    def applied(self, lane: LaneLabel, count: int) -> None:
        self._applied.add(count, lane.destination, lane.connection)

    def invalid(self, lane: LaneLabel, count: int) -> None:
        self._invalid.add(count, lane.destination, lane.connection)

    def failed(self, lane: LaneLabel, count: int) -> None:
        self._failed.add(count, lane.destination, lane.connection)

    def unknown(self, lane: LaneLabel, count: int) -> None:
        self._unknown.add(count, lane.destination, lane.connection)


class Freshness:
    """Ages of changes at each milestone; every change counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._ages = metrics.histogram(
            "freshness_seconds", ("stage",), "Age of a change at a milestone.", bounds=_AGES
        )

    def observe(self, stage: Milestone, seconds: float, count: int) -> None:
        # A clock of an upstream that is ahead of ours must not make a sum go down.
        self._ages.observe(max(0.0, seconds), stage, count=count)
