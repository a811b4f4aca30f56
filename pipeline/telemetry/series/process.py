"""`ProcessTelemetry` and `DeadLetterTelemetry` as series."""

from typing import get_args

from pipeline.domain.message import StageName
from pipeline.domain.reasons import RejectedReason
from pipeline.telemetry.first_values import crossed
from pipeline.telemetry.metrics import Metrics


class ProcessMetrics:
    """`ProcessTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._build = metrics.gauge("build_info", ("version",), "1 for the running version.")

    def build_info(self, *, version: str) -> None:
        self._build.show(1, version)


class DeadLetterMetrics:
    """`DeadLetterTelemetry` as series."""

    def __init__(self, metrics: Metrics) -> None:
        self._written = metrics.counter(
            "dead_letters",
            ("stage", "reason"),
            "Dead letters written.",
            begins=crossed([()], get_args(StageName), get_args(RejectedReason)),
        )

    def dead_letters_written(self, *, stage: StageName, reason: RejectedReason, count: int) -> None:
        self._written.add(count, stage, reason)
