"""Counters, gauges and histograms in one registry: the only door to `prometheus_client`."""

from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from pipeline.telemetry.first_values import KnownLabels, first_labels
from pipeline.telemetry.series import (
    COUNTERS,
    FRESHNESS,
    FRESHNESS_SECONDS,
    GAUGES,
    HISTOGRAMS,
    Series,
)


class Metrics:
    """Every series of one process, by its name in `series.py`; the rooms share one of these."""

    def __init__(self, known: KnownLabels) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._counters = {each.name: _Children(_counter(each, registry)) for each in COUNTERS}
        self._gauges = {each.name: _Children(_gauge(each, registry)) for each in GAUGES}
        self._histograms = {
            each.name: _histogram(each, bounds, registry) for each, bounds in HISTOGRAMS
        }
        self._freshness = _WeightedHistogram(FRESHNESS, FRESHNESS_SECONDS)
        registry.register(self._freshness)
        ProcessCollector(registry=registry)
        for each in COUNTERS:
            for labels in first_labels(each, known):
                self.count(each.name, 0, *labels)

    def count(self, name: str, amount: float, *labels: str) -> None:
        """Add to a counter; an amount of zero makes the series."""
        self._counters[name].of(labels).inc(amount)

    def show(self, name: str, level: float, *labels: str) -> None:
        """Set a gauge."""
        self._gauges[name].of(labels).set(level)

    def forget(self, name: str, *labels: str) -> None:
        """Stop showing a gauge: somebody else shows it now."""
        self._gauges[name].forget(*labels)

    def observe(self, name: str, value: float) -> None:
        """Put one value into a histogram without labels."""
        self._histograms[name].observe(value)

    def observe_freshness(self, milestone: str, seconds: float, count: int) -> None:
        """Put `count` changes of this age into the histogram of ages."""
        # A clock of an upstream that is ahead of ours must not make a sum go down.
        self._freshness.observe(milestone, max(0.0, seconds), count)

    def value(self, name: str, **labels: str) -> float | None:
        """The sample with this full name and these labels as it is now; None without one."""
        return self._registry.get_sample_value(name, labels)

    def exposition(self) -> tuple[bytes, str]:
        """Every series in the Prometheus text format, and its content type."""
        return generate_latest(_WithoutCreationTimes(self._registry)), CONTENT_TYPE_LATEST


def _counter(series: Series, registry: CollectorRegistry) -> Counter:
    return Counter(f"audience_{series.name}", series.meaning, series.labels, registry=registry)


def _gauge(series: Series, registry: CollectorRegistry) -> Gauge:
    return Gauge(f"audience_{series.name}", series.meaning, series.labels, registry=registry)


def _histogram(series: Series, bounds: tuple[float, ...], registry: CollectorRegistry) -> Histogram:
    return Histogram(f"audience_{series.name}", series.meaning, buckets=bounds, registry=registry)


Child = TypeVar("Child", Counter, Gauge)


class _Children(Generic[Child]):
    """The series of one metric, kept: the library's `labels()` checks and locks each time."""

    def __init__(self, parent: Child) -> None:
        self._parent: Child = parent
        self._children: dict[tuple[str, ...], Child] = {}

    def of(self, labels: tuple[str, ...]) -> Child:
        child = self._children.get(labels)
        if child is None:
            child = self._parent.labels(*labels) if labels else self._parent
            self._children[labels] = child
        return child

    def forget(self, *labels: str) -> None:
        if self._children.pop(labels, None) is not None:
            self._parent.remove(*labels)


class _WeightedHistogram(Collector):
    """A histogram by one label that takes a batch at once, which the library's own cannot."""

    def __init__(self, series: Series, bounds: tuple[float, ...]) -> None:
        self._series = series
        self._bounds = bounds
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, label: str, value: float, count: int) -> None:
        counts = self._counts.setdefault(label, [0] * (len(self._bounds) + 1))
        counts[bisect_left(self._bounds, value)] += count
        self._sums[label] = self._sums.get(label, 0.0) + value * count

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(
            f"audience_{self._series.name}", self._series.meaning, labels=self._series.labels
        )
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        # A copy: the exposition is made in a thread of its own.
        for label, counts in list(self._counts.items()):
            buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
            family.add_metric([label], buckets, self._sums[label])
        yield family


class _WithoutCreationTimes(Collector):
    """The same series without `_created`, which doubles them and which nothing here reads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            samples = [each for each in metric.samples if not each.name.endswith("_created")]
            kept = copy(metric)
            kept.samples = samples
            yield kept
