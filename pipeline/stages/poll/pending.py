"""Counts the jobs that all partitions of this process follow together."""

from collections import Counter
from collections.abc import Mapping

from pipeline.domain.job import Job
from pipeline.telemetry.facts import LaneLabel, PollTelemetry


class PendingJobs:
    """Counts pending jobs for each lane, and reports every change."""

    def __init__(self, telemetry: PollTelemetry) -> None:
        self._telemetry = telemetry
        self._by_lane: Counter[LaneLabel] = Counter()
        self._by_destination: Counter[str] = Counter()
        self._of_other_versions = 0

    @property
    def by_lane(self) -> Mapping[LaneLabel, int]:
        return self._by_lane

    @property
    def of_other_versions(self) -> int:
        """Messages that only another version of this program can read."""
        return self._of_other_versions

    def count_other_version(self, change: int) -> None:
        """Add `change` messages of other versions, which may be negative."""
        self._of_other_versions += change
        self._telemetry.jobs_of_other_versions(self._of_other_versions)

    def of(self, destination: str) -> int:
        return self._by_destination[destination]

    def count(self, lane: LaneLabel, change: int) -> None:
        """Add `change` jobs of a lane, which may be negative."""
        self._by_lane[lane] += change
        self._by_destination[lane.destination] += change
        self._telemetry.jobs_pending(lane=lane, count=self._by_lane[lane])


class PartitionJobs:
    """The pending jobs of one partition; `clear` takes them off the counts when we lose it."""

    def __init__(self, pending: PendingJobs) -> None:
        self._pending = pending
        self._mine: Counter[LaneLabel] = Counter()
        self._other_versions = 0

    def add(self, job: Job) -> None:
        self._count(label(job), +1)

    def remove(self, job: Job) -> None:
        """Count a job no longer; a job that was never counted changes nothing."""
        if self._mine[label(job)]:
            self._count(label(job), -1)

    def count_other_version(self, change: int) -> None:
        """Add `change` messages of other versions, which may be negative."""
        self._other_versions += change
        self._pending.count_other_version(change)

    def clear(self) -> None:
        self.count_other_version(-self._other_versions)
        for lane, count in list(self._mine.items()):
            self._count(lane, -count)

    def _count(self, lane: LaneLabel, change: int) -> None:
        self._mine[lane] += change
        self._pending.count(lane, change)


def label(job: Job) -> LaneLabel:
    return LaneLabel(job.destination, job.connection)
