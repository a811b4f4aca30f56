"""Lists the submitted jobs and the results of their records, from our topics."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from pipeline.configuration.model import Settings
from pipeline.domain.job import Job, Outcome, UnreadableJob, decode_job, decode_outcome
from pipeline.domain.names import Names
from pipeline.kafka.read_back import Stored
from pipeline.operations.cluster_setup import read_since
from pipeline.operations.moments import moment
from pipeline.operations.partner_api import refuse_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job; without an outcome it is PENDING, and its counts are None."""

    submitted_at: str
    job_id: str
    state: str
    destination: str
    connection: str
    audience_id: str
    records: int
    removes: int
    applied: int | None = None
    invalid: int | None = None
    failed: int | None = None
    unknown: int | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class JobList:
    """The newest jobs, oldest first."""

    jobs: Sequence[JobLine]
    unreadable: int
    """The number of messages that this version cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """The jobs to list; None: any."""

    since_ms: int
    limit: int
    state: str | None = None
    destination: str | None = None


async def list_jobs(settings: Settings, wanted: JobFilter) -> JobList:
    """The newest jobs that match.

    Raises:
        UsageRefused: there is no such destination.
        ClusterTrouble: the cluster cannot be reached, or has no topics of ours.
    """
    refuse_unknown(settings, wanted.destination)
    names = Names(settings.kafka.namespace)
    found = FoundJobs(names.outcomes)
    await read_since(settings.kafka, [names.jobs, names.outcomes], wanted.since_ms, found.take)
    return JobList(found.newest(wanted), found.unreadable)


class FoundJobs:
    """Matches jobs with their outcomes; takes both in any order."""

    def __init__(self, outcomes_topic: str) -> None:
        self._outcomes_topic = outcomes_topic
        self._lines: dict[str, tuple[int, JobLine]] = {}
        self.unreadable = 0

    def take(self, stored: Stored) -> None:
        """Take a message of the topic of jobs or of outcomes."""
        try:
            line = self._line(stored)
        except UnreadableJob:
            self.unreadable += 1
            return
        if stored.topic == self._outcomes_topic:
            self._lines[line[1].job_id] = line
        else:
            self._lines.setdefault(line[1].job_id, line)

    def newest(self, wanted: JobFilter) -> Sequence[JobLine]:
        """The newest that match, oldest first."""
        lines = sorted(self._lines.values(), key=lambda one: (one[0], one[1].job_id))
        matching = [
            line
            for _, line in lines
            if wanted.state in (None, line.state) and wanted.destination in (None, line.destination)
        ]
        return matching[-wanted.limit :]

    def _line(self, stored: Stored) -> tuple[int, JobLine]:
        if stored.topic == self._outcomes_topic:
            outcome = decode_outcome(stored.value)
            return outcome.job.submitted_at_ms, _ended(outcome)
        job = decode_job(stored.value)
        return job.submitted_at_ms, _pending(job)


def _pending(job: Job) -> JobLine:
    return JobLine(
        submitted_at=moment(job.submitted_at_ms),
        job_id=job.job_id,
        state="PENDING",
        destination=job.destination,
        connection=job.connection,
        audience_id=job.audience_id,
        records=job.records,
        removes=job.removes,
    )


def _ended(outcome: Outcome) -> JobLine:
    return replace(
        _pending(outcome.job),
        state=outcome.state,
        **asdict(outcome.tally),
        finished_at=moment(outcome.finished_at_ms),
    )
