"""What a Prometheus server has scraped: samples of series over time, as far as alerts need it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

LOOK_BACK_SECONDS = 300.0
"""A series whose last sample is older is no longer there."""

Labels = Mapping[str, str]


@dataclass(slots=True)
class Series:
    """One series; a value of None says that its process no longer had it at that scrape."""

    name: str
    labels: Labels
    times: list[float] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)

    def add(self, time: float, value: float | None) -> None:
        self.times.append(time)
        self.values.append(value)

    def at(self, time: float) -> float | None:
        """The newest value, unless it is too old or the series was gone by then."""
        place = bisect_right(self.times, time) - 1
        if place < 0 or self.times[place] <= time - LOOK_BACK_SECONDS:
            return None
        return self.values[place]

    def within(self, time: float, seconds: float) -> Sequence[float]:
        """The values of the range that ends then; a series that is gone had them all the same."""
        start, end = bisect_right(self.times, time - seconds), bisect_right(self.times, time)
        return [value for value in self.values[start:end] if value is not None]


class Samples:
    """Every series of a scenario; what one scrape finds replaces what the last one found."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, frozenset[tuple[str, str]]], Series] = {}

    def scrape(self, time: float, instance: str, values: Mapping[tuple[str, str], float]) -> None:
        """Take what a process shows, by name and labels (`a="1",b="2"`); an empty one is down."""
        found = set()
        shown = {**values, ("up", ""): float(bool(values))}
        for (name, text), value in shown.items():
            labels = {**_labels(text), "job": "audience-pipeline", "instance": instance}
            key = (name, frozenset(labels.items()))
            found.add(key)
            self._series.setdefault(key, Series(name, labels)).add(time, value)
        for key, series in self._series.items():
            if key not in found and series.labels["instance"] == instance:
                series.add(time, None)

    def select(self, name: str, matches: Callable[[Labels], bool]) -> Iterator[Series]:
        """The series of this name whose labels match."""
        for series in self._series.values():
            if series.name == name and matches(series.labels):
                yield series


def _labels(text: str) -> Labels:
    pairs = (pair.split("=", 1) for pair in text.split(",") if pair)
    return {label: value.strip('"') for label, value in pairs}
