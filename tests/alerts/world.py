"""A fleet as Prometheus sees it, and what the alerts make of it: minutes in no time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from pipeline.telemetry.facts import LaneLabel
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import PrometheusTelemetry, prometheus_telemetry
from tests.alerts.engine import evaluate
from tests.alerts.samples import Labels, Samples
from tests.words.search import ROOT

SCRAPE_SECONDS = 30.0
"""In `deploy/prometheus` it is 10; a third of the work shows the same."""
LANE = LaneLabel("amazon-na", "one")
TOPIC = "audience.records.amazon-na.one"
SOURCE = "cdp.membership"
ADOBE = "adobe-prod"
AUDIENCE = "aud-1"
"""Of a destination that takes snapshots."""

KNOWN = KnownLabels(
    sources=[SOURCE],
    destinations=["amazon-na"],
    lanes=[LANE],
    audiences=[(LANE, "347891")],
    partitions=[(TOPIC, 0)],
    snapshots=[(ADOBE, AUDIENCE)],
)


@cache
def rules() -> Mapping[str, Mapping[str, Any]]:
    document = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


@dataclass(slots=True)
class Alert:
    """One alert for one set of labels: pending, firing, or over."""

    since: float
    seen: float
    is_firing: bool = False


@dataclass(slots=True)
class Fleet:
    """Processes by name, their scrapes, and one rule that is evaluated after each."""

    rule: str
    processes: dict[str, PrometheusTelemetry] = field(default_factory=dict)
    is_deaf: set[str] = field(default_factory=set)
    """Processes that run and do not answer."""
    time: float = 0.0
    _samples: Samples = field(default_factory=Samples)
    _alerts: dict[frozenset[tuple[str, str]], Alert] = field(default_factory=dict)

    def start(self, name: str) -> PrometheusTelemetry:
        """A new process, or the same one after a restart."""
        self.processes[name] = prometheus_telemetry(KNOWN)
        return self.processes[name]

    def stop(self, name: str) -> None:
        """It ends; the next scrape finds nobody."""
        del self.processes[name]
        self._samples.scrape(self.time, name, {})

    def tick(self) -> None:
        """Half a minute goes by: a scrape, then the rule."""
        self.time += SCRAPE_SECONDS
        for name, telemetry in self.processes.items():
            shown = {} if name in self.is_deaf else _shown(telemetry, rules()[self.rule]["expr"])
            self._samples.scrape(self.time, name, shown)
        self._evaluate()

    def pass_minutes(self, minutes: float) -> None:
        for _ in range(int(minutes * 60 / SCRAPE_SECONDS)):
            self.tick()

    def firing(self) -> list[Labels]:
        """The labels of every alert of the rule that fires now."""
        return [dict(key) for key, alert in self._alerts.items() if alert.is_firing]

    def value(self) -> float:
        """What the rule gives now, where it is one element."""
        [sample] = evaluate(rules()[self.rule]["expr"], self._samples, self.time)
        return sample.value

    def _evaluate(self) -> None:
        rule = rules()[self.rule]
        wait, keep = _duration(rule.get("for")), _duration(rule.get("keep_firing_for"))
        for sample in evaluate(rule["expr"], self._samples, self.time):
            key = frozenset(sample.labels.items())
            alert = self._alerts.setdefault(key, Alert(self.time, self.time))
            alert.seen = self.time
            alert.is_firing = alert.is_firing or self.time - alert.since >= wait
        for key, alert in list(self._alerts.items()):
            unseen = self.time - alert.seen
            if unseen and (not alert.is_firing or unseen >= keep):
                del self._alerts[key]


def _duration(text: str | None) -> float:
    return 0.0 if text is None else float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def _shown(telemetry: PrometheusTelemetry, asked: str) -> Mapping[tuple[str, str], float]:
    """Every series that the expression names, and one more, so that nobody seems to be down."""
    text, _ = telemetry.metrics.exposition()
    shown = {
        (name, labels): float(value)
        for line in text.decode().splitlines()
        if not line.startswith("#")
        for series, _, value in [line.rpartition(" ")]
        for name, _, rest in [series.partition("{")]
        if name in asked
        for labels in [rest.removesuffix("}")]
    }
    return {**shown, ("process_start_time_seconds", ""): 1.0}
