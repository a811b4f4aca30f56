"""The series that exist from the start: without a first zero, nobody sees the first failure.

Prometheus computes an increase between two samples. A series that begins at 1 shows no increase, so
an alert would miss the first failure. So every counter whose labels are known is made at start.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from pipeline.telemetry.facts import LaneLabel

Row: TypeAlias = tuple[str, ...]
"""The label values of one series, in the order of the metric's labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabels:
    """The label values that the configuration names."""

    sources: Sequence[str] = ()
    """Upstream topics."""
    destinations: Sequence[str] = ()
    lanes: Sequence[LaneLabel] = ()
    audiences: Sequence[tuple[LaneLabel, str]] = ()
    """Each partner audience of a lane, by the partner's id."""
    partitions: Sequence[tuple[str, int]] = ()
    """Each partition of our topics: topic and number."""
    snapshots: Sequence[tuple[str, str]] = ()
    """Each audience that is delivered as snapshots: its destination, and the partner's id."""

    def of_sources(self) -> Iterator[Row]:
        return ((source,) for source in self.sources)

    def of_destinations(self) -> Iterator[Row]:
        return ((destination,) for destination in self.destinations)

    def of_lanes(self) -> Iterator[Row]:
        return ((lane.destination, lane.connection) for lane in self.lanes)

    def of_connections(self) -> Iterator[Row]:
        return ((lane.connection,) for lane in self.lanes)

    def of_audiences(self) -> Iterator[Row]:
        return ((lane.connection, audience_id) for lane, audience_id in self.audiences)

    def of_partitions(self) -> Iterator[Row]:
        return ((topic, str(partition)) for topic, partition in self.partitions)

    def of_snapshot_destinations(self) -> Iterator[Row]:
        return ((destination,) for destination in sorted({one for one, _ in self.snapshots}))


def crossed(rows: Iterable[Row], *values: Iterable[str]) -> Iterator[Row]:
    """Yield every row, extended by every combination of the values."""
    combinations = list(product(*values))
    return ((*row, *rest) for row in rows for rest in combinations)
