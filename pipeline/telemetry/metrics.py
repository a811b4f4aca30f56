"""Counters, gauges and histograms in one registry; the only module with `prometheus_client`."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipeline.telemetry.first_values import Row


class Metrics:
    """All metrics of one process.

    Give names without the prefix `audience_`, and without the `_total` of a counter. `begins`: the
    label values of series that exist from the start, at zero.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)

    def counter(
        self, name: str, labels: Sequence[str], meaning: str, *, begins: Iterable[Row] = ()
    ) -> "CounterSeries":
        parent = Counter(f"audience_{name}", meaning, labels, registry=self._registry)
        series = CounterSeries(parent)
        for row in begins:
            series.add(0, *row)
        return series

    def gauge(
        self, name: str, labels: Sequence[str], meaning: str, *, begins: Iterable[Row] = ()
    ) -> "GaugeSeries":
        parent = Gauge(f"audience_{name}", meaning, labels, registry=self._registry)
        series = GaugeSeries(parent)
        for row in begins:
            series.show(0, *row)
        return series

    def histogram(
        self, name: str, labels: Sequence[str], meaning: str, *, bounds: Sequence[float]
    ) -> "HistogramSeries":
        series = HistogramSeries(f"audience_{name}", labels, meaning, bounds)
        self._registry.register(series)
        return series

    def value(self, name: str, **labels: str) -> float | None:
        """Return the present sample with this full name and these labels; None if there is none."""
        return self._registry.get_sample_value(name, labels)

    def exposition(self) -> tuple[bytes, str]:
        """Return all series in the Prometheus text format, and the content type."""
        return generate_latest(_WithoutCreationTimes(self._registry)), CONTENT_TYPE_LATEST


class CounterSeries:
    """One counter with all its label values."""

    def __init__(self, parent: Counter) -> None:
        self._children = _Children(parent)

    def add(self, amount: float, *labels: str) -> None:
        """Add an amount; zero makes the series."""
        self._children.of(labels).inc(amount)


class GaugeSeries:
    """One gauge with all its label values."""

    def __init__(self, parent: Gauge) -> None:
        self._children = _Children(parent)

    def show(self, level: float, *labels: str) -> None:
        self._children.of(labels).set(level)

    def forget(self, *labels: str) -> None:
        """Stop showing the series whose labels begin with these: another process shows them."""
        self._children.forget(labels)


Child = TypeVar("Child", Counter, Gauge)


class _Children(Generic[Child]):
    """Keeps the series of one metric, because the library's `labels()` checks and locks."""

    def __init__(self, parent: Child) -> None:
        self._parent: Child = parent
        self._children: dict[Row, Child] = {}

    def of(self, labels: Row) -> Child:
        child = self._children.get(labels)
        if child is None:
            child = self._parent.labels(*labels) if labels else self._parent
            self._children[labels] = child
        return child

    def forget(self, first: Row) -> None:
        for labels in [each for each in self._children if each[: len(first)] == first]:
            del self._children[labels]
            self._parent.remove(*labels)


class HistogramSeries(Collector):
    """One histogram that can add many equal values at once; the library's own cannot."""

    def __init__(
        self, name: str, labels: Sequence[str], meaning: str, bounds: Sequence[float]
    ) -> None:
        self._name = name
        self._labels = labels
        self._meaning = meaning
        self._bounds = bounds
        self._counts: dict[Row, list[int]] = {}
        self._sums: dict[Row, float] = {}
        if not labels:
            self.observe(0.0, count=0)

    def observe(self, value: float, *labels: str, count: int = 1) -> None:
        counts = self._counts.setdefault(labels, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += count
        self._sums[labels] = self._sums.get(labels, 0.0) + value * count

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labels)
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        # A copy: the exposition is made in a thread of its own.
        for labels, counts in list(self._counts.items()):
            buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
            family.add_metric(labels, buckets, self._sums.get(labels, 0.0))
        yield family


class _WithoutCreationTimes(Collector):
    """The same series without their `_created` samples, which nobody reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            samples = [each for each in metric.samples if not each.name.endswith("_created")]
            kept = copy(metric)
            kept.samples = samples
            yield kept
