"""Which counters begin at zero: without a first zero, nobody sees the first failure.

Prometheus computes an increase between two samples. A series that begins at 1 shows no increase, so
an alert would miss exactly the first failure. Every counter whose labels are known in advance is
therefore made at start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product

from pipeline.telemetry.facts import LaneLabel
from pipeline.telemetry.series import AUDIENCE, LANE, PARTITION, Series


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabels:
    """The label values that the configuration names."""

    sources: Sequence[str] = ()
    """Upstream topics."""
    destinations: Sequence[str] = ()
    lanes: Sequence[LaneLabel] = ()
    audiences: Sequence[tuple[LaneLabel, str]] = ()
    """Each partner audience, by lane and the partner's id."""
    partitions: Sequence[tuple[str, int]] = ()
    """Topics of ours with the number of a partition."""


def first_labels(series: Series, known: KnownLabels) -> Iterator[tuple[str, ...]]:
    """The label values with which a counter begins; none where a label is open."""
    columns = [_values(series, part, known) for part in _parts(series.labels)]
    for row in product(*columns):
        yield tuple(chain.from_iterable(row))


def _parts(labels: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Labels that belong together stay together: not every pair of their values exists."""
    if labels[:2] in (LANE, PARTITION, AUDIENCE):
        yield labels[:2]
        labels = labels[2:]
    for label in labels:
        yield (label,)


def _values(
    series: Series, labels: tuple[str, ...], known: KnownLabels
) -> Sequence[tuple[str, ...]]:
    match labels:
        case ("destination", "connection"):
            return [(lane.destination, lane.connection) for lane in known.lanes]
        case ("connection", "audience_id"):
            return [(lane.connection, audience_id) for lane, audience_id in known.audiences]
        case ("topic", "partition"):
            return [(topic, str(partition)) for topic, partition in known.partitions]
        case ("connection",):
            return [(lane.connection,) for lane in known.lanes]
        case ("source",):
            return [(source,) for source in known.sources]
        case ("destination",):
            return [(destination,) for destination in known.destinations]
        case _:
            return [(value,) for value in series.values.get(labels[0], ())]
