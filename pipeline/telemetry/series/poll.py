"""`PollTelemetry` as series."""

from typing import Final

from pipeline.telemetry.facts import LaneLabel, Milestone
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.series.records import Freshness, RecordEnds

_JOB_SECONDS: Final = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


class PollMetrics:
    """The metrics of poll."""

    def __init__(
        self, metrics: Metrics, known: KnownLabels, ends: RecordEnds, freshness: Freshness
    ) -> None:
        self._ends = ends
        self._freshness = freshness
        self._pending = metrics.gauge("jobs_pending", ("connection",), "Jobs this process follows.")
        self._of_other_versions = metrics.gauge(
            "jobs_of_other_versions", (), "Job messages kept because another version wrote them."
        )
        # No first values: the states are the partner's words.
        self._jobs = metrics.counter("jobs", ("connection", "state"), "Jobs that ended, by state.")
        self._duration = metrics.histogram(
            "job_duration_seconds",
            (),
            "Time from a job's submission to its known end.",
            bounds=_JOB_SECONDS,
        )
        self._wholly_invalid = metrics.counter(
            "jobs_wholly_invalid",
            ("connection", "audience_id"),
            "Jobs that applied no record.",
            begins=known.of_audiences(),
        )

    def jobs_pending(self, *, lane: LaneLabel, count: int) -> None:
        self._pending.show(count, lane.connection)

    def jobs_of_other_versions(self, count: int) -> None:
        self._of_other_versions.show(count)

    def job_ended(self, *, lane: LaneLabel, state: str, seconds: float) -> None:
        self._jobs.add(1, lane.connection, state)
        self._duration.observe(seconds)

    def job_wholly_invalid(self, *, lane: LaneLabel, audience_id: str) -> None:
        self._wholly_invalid.add(1, lane.connection, audience_id)

    def records_applied(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.applied(lane, count)

    def records_invalid(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.invalid(lane, count)

    def records_failed(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.failed(lane, count)

    def records_unknown(self, *, lane: LaneLabel, count: int) -> None:
        self._ends.unknown(lane, count)

    def freshness(self, *, stage: Milestone, seconds: float, count: int) -> None:
        self._freshness.observe(stage, seconds, count)
