"""Turns the facts of every room into series that a Prometheus server can scrape.

Each room has its own class in `series/`, which declares its metrics.
"""

from dataclasses import dataclass

from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.series.ingest import IngestMetrics
from pipeline.telemetry.series.kafka import KafkaMetrics
from pipeline.telemetry.series.lanes import LaneMetrics
from pipeline.telemetry.series.partner import PartnerMetrics
from pipeline.telemetry.series.poll import PollMetrics
from pipeline.telemetry.series.process import DeadLetterMetrics, ProcessMetrics
from pipeline.telemetry.series.records import Freshness, RecordEnds
from pipeline.telemetry.series.snapshot import SnapshotMetrics
from pipeline.telemetry.series.upload import UploadMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusTelemetry:
    """The telemetry of every room, in one registry; each room gets its own."""

    process: ProcessMetrics
    dead_letters: DeadLetterMetrics
    ingest: IngestMetrics
    lanes: LaneMetrics
    upload: UploadMetrics
    poll: PollMetrics
    snapshot: SnapshotMetrics
    kafka: KafkaMetrics
    partner: PartnerMetrics
    metrics: Metrics
    """The registry of all of them; it makes the exposition."""


def prometheus_telemetry(known: KnownLabels | None = None) -> PrometheusTelemetry:
    """Make the registry of a process, with every known counter at zero."""
    known = known or KnownLabels()
    metrics = Metrics()
    ends, freshness = RecordEnds(metrics, known), Freshness(metrics)
    return PrometheusTelemetry(
        process=ProcessMetrics(metrics),
        dead_letters=DeadLetterMetrics(metrics),
        ingest=IngestMetrics(metrics, known, freshness),
        lanes=LaneMetrics(metrics, known),
        upload=UploadMetrics(metrics, known, ends, freshness),
        poll=PollMetrics(metrics, known, ends, freshness),
        snapshot=SnapshotMetrics(metrics, known),
        kafka=KafkaMetrics(metrics, known),
        partner=PartnerMetrics(metrics, known),
        metrics=metrics,
    )
