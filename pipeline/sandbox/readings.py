"""Reads the metrics and the status page of the running pipeline as values."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families

from pipeline.operations.ledger.statement import LetterKind
from pipeline.sandbox.reconciliation import LaneCounts, Told

ANSWER_SECONDS = 5.0
SNAPSHOTS = "snapshots"
"""The label of `connection` for partners that take snapshots."""


class Sample(NamedTuple):
    """One line of the metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReading:
    """One lane on its owner's status page."""

    connection: str
    state: str
    cause: str | None
    window_records: int
    unsettled: int
    """Records from the first one without an answer to the end of the lane's topic."""
    jobs_pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The state of the pipeline at one moment."""

    told: Told
    lanes: Sequence[LaneReading]
    jobs_ended: int


class AdminPages:
    """Reads the admin pages of a pipeline."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self._http = http
        self._base = f"http://127.0.0.1:{port}"

    async def read(self) -> Reading | None:
        """Read both pages; None while they do not answer or the pipeline waits for Kafka."""
        try:
            metrics = (await self._get("/metrics")).decode()
            status = orjson.loads(await self._get("/status"))
        except (aiohttp.ClientError, TimeoutError):
            return None
        return None if "starting" in status else reading(metrics, status)

    async def _get(self, path: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with self._http.get(self._base + path, timeout=timeout) as answer:
            answer.raise_for_status()
            return await answer.read()


def reading(exposition: str, status: Mapping[str, Any]) -> Reading:
    """The two pages as values."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    for sample in _samples(exposition):
        samples[sample.name].append(sample)
    told = Told(
        consumed=_sum(samples["audience_events_consumed_total"]),
        changes=_counted(samples["audience_changes_total"], "action"),
        ignored=_counted(samples["audience_events_ignored_total"], "reason"),
        rejected=_counted(samples["audience_changes_rejected_total"], "reason"),
        withheld=_counted(samples["audience_changes_withheld_total"], "reason"),
        lanes=_lane_counts(samples),
        members=_by(samples["audience_records_prepared_total"], "connection").get(SNAPSHOTS, 0),
        letters={
            LetterKind(sample.labels["stage"], sample.labels["reason"]): int(sample.value)
            for sample in samples["audience_dead_letters_total"]
            if sample.value
        },
        pending_jobs=sum(status["jobs_pending"].values()),
    )
    return Reading(
        told=told,
        lanes=[_lane(name, lane, status) for name, lane in sorted(status["lanes"].items())],
        jobs_ended=_sum(samples["audience_jobs_total"]),
    )


def _samples(exposition: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            yield Sample(sample.name, sample.labels, sample.value)


def _lane_counts(samples: Mapping[str, Sequence[Sample]]) -> Mapping[str, LaneCounts]:
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for name in LaneCounts.__dataclass_fields__:
        found = _by(samples.get(f"audience_records_{name}_total", ()), "connection")
        for connection, count in found.items():
            counted[connection][name] = count
    return {
        connection: LaneCounts(**counts)
        for connection, counts in counted.items()
        if connection != SNAPSHOTS
    }


def _lane(name: str, lane: Mapping[str, Any], status: Mapping[str, Any]) -> LaneReading:
    topics = [topic for topic in status["lag"] if topic.endswith(f".records.{name}[0]")]
    return LaneReading(
        connection=name.partition(".")[2],
        state=lane["state"],
        cause=lane["cause"],
        window_records=lane["window_records"],
        unsettled=sum(status["lag"][topic] or 0 for topic in topics),
        jobs_pending=status["jobs_pending"].get(name, 0),
    )


def _counted(samples: Sequence[Sample], label: str) -> dict[str, int]:
    """The sums by label, without zeros, because counters begin at zero."""
    return {value: count for value, count in _by(samples, label).items() if count}


def _by(samples: Sequence[Sample], label: str) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for sample in samples:
        counts[sample.labels[label]] += int(sample.value)
    return dict(counts)


def _sum(samples: Sequence[Sample]) -> int:
    return int(sum(sample.value for sample in samples))
