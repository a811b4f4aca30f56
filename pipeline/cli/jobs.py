"""`jobs`: those we submitted, and what the partner says of one."""

import asyncio
import time
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import ended
from pipeline.cli.options import (
    AsJson,
    ConfigFile,
    DestinationName,
    Limit,
    SinceHours,
    chosen,
    configured,
)
from pipeline.cli.showing import cell, moment, show_facts, show_json, show_table
from pipeline.configuration.model import Settings
from pipeline.destinations.amazon_ads.answers import interpret_status
from pipeline.destinations.amazon_ads.changes import compose_status
from pipeline.destinations.amazon_ads.remedies import NOT_THE_PARTNER
from pipeline.destinations.amazon_ads.replies import Declined, declined
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.exchange import Response
from pipeline.domain.job import (
    Job,
    JobReport,
    Outcome,
    UnreadableJob,
    decode_job,
    decode_outcome,
)
from pipeline.domain.names import Names
from pipeline.kafka.topic_reader import Stored
from pipeline.operations.cluster_setup import read_since
from pipeline.operations.job_watching import NoReport, Patience, watched
from pipeline.operations.partner import InDoubt, Partner, destination

jobs_app = typer.Typer(help="Requests that the partner works off later.", no_args_is_help=True)

HOUR_MS = 3_600_000
COLUMNS = (
    *("submitted_at", "job_id", "state", "destination", "connection", "audience_id"),
    *("records", "applied", "invalid", "failed", "unknown", "finished_at"),
)
JobId = Annotated[str, typer.Argument(help="job_id of `jobs list`.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job as the topics tell of it; without an outcome it is PENDING, its counts open."""

    submitted_at: str | None
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


class JobBook:
    """Puts jobs and outcomes together, in whatever order they are read."""

    def __init__(self, outcomes_topic: str) -> None:
        self._outcomes_topic = outcomes_topic
        self._lines: dict[str, tuple[int, JobLine]] = {}
        self.unreadable = 0
        """Messages that this version cannot read."""

    def take(self, stored: Stored) -> None:
        try:
            line = self._line(stored)
        except UnreadableJob:
            self.unreadable += 1
            return
        if stored.topic == self._outcomes_topic:
            self._lines[line[1].job_id] = line
        else:
            self._lines.setdefault(line[1].job_id, line)

    def newest(self, limit: int, state: str | None, destination_name: str | None) -> list[JobLine]:
        """The newest that match, oldest first."""
        lines = sorted(self._lines.values(), key=lambda one: (one[0], one[1].job_id))
        return [
            line
            for _, line in lines
            if state in (None, line.state) and destination_name in (None, line.destination)
        ][-limit:]

    def _line(self, stored: Stored) -> tuple[int, JobLine]:
        if stored.topic == self._outcomes_topic:
            outcome = decode_outcome(stored.value)
            return outcome.job.submitted_at_ms, _ended_line(outcome)
        job = decode_job(stored.value)
        return job.submitted_at_ms, _line(job)


@jobs_app.command("list")
def list_jobs(
    config: ConfigFile,
    since_hours: SinceHours = 24,
    limit: Limit = 50,
    state: Annotated[str | None, typer.Option(help="Only in this state, such as FAILED.")] = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs, oldest first, with what became of their records."""
    settings = configured(config)
    wanted = None if destination_name is None else chosen(settings, destination_name)
    names = Names(settings.kafka.namespace)
    book = JobBook(names.outcomes)
    since_ms = time.time_ns() // 1_000_000 - round(since_hours * HOUR_MS)
    ended(lambda: read_since(settings.kafka, [names.jobs, names.outcomes], since_ms, book.take))
    lines = book.newest(limit, state, wanted)
    if as_json:
        show_json(lines)
    else:
        show_table(
            COLUMNS,
            ([getattr(line, column) for column in COLUMNS] for line in lines),
            f"no job in the last {since_hours:g} hours",
        )
    if book.unreadable:
        typer.echo(f"{book.unreadable} messages are of a version unknown here", err=True)


@jobs_app.command("show")
def show_job(
    job_id: JobId,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Ask the partner about one job, once."""
    report = destination(config, destination_name).ask(
        lambda partner: partner.learn(compose_status(job_id), interpret_job)
    )
    _show(job_id, report, as_json=as_json)


@jobs_app.command("watch")
def watch_job(
    job_id: JobId,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Ask about one job, at the configured intervals, until it ends; then no more.

    Exit codes: 0 it ended, for all or for some targets; 1 it failed, or was given up.
    """
    where = destination(config, destination_name)
    patience = _patience(where.settings, where.name)
    report = where.ask(lambda partner: _watched(partner, job_id, patience))
    _show(job_id, report, as_json=as_json)
    if report.state == "FAILED":
        raise typer.Exit(ExitCode.FAILED)


def interpret_job(response: Response) -> JobReport | Declined:
    """What the partner says of a job, or why it says nothing."""
    if response.status != 200:
        return declined("status", response)
    report = interpret_status(response)
    if isinstance(report, JobReport):
        return report
    return Declined(200, report.detail, NOT_THE_PARTNER)


async def _watched(partner: Partner, job_id: str, patience: Patience) -> JobReport:
    async def ask() -> JobReport | NoReport:
        try:
            said = await partner.ask(compose_status(job_id), interpret_job)
        except InDoubt as error:
            return NoReport(str(error))
        if not isinstance(said, Declined):
            return said
        if said.status in (404, 408, 429) or said.status >= 500:
            return NoReport(f"{said.said}; {said.remedy}", is_missing=said.status == 404)
        raise partner.trouble(said)

    clock = asyncio.get_running_loop().time
    return await watched(ask, patience, told=_tell, sleep=asyncio.sleep, now=clock)


def _tell(said: JobReport | NoReport, pause: float) -> None:
    state = said.state if isinstance(said, JobReport) else said.detail
    typer.echo(f"{cell(state)}; asking again in {pause:.0f} s", err=True)


def _patience(settings: Settings, name: str) -> Patience:
    found = settings.destinations[name]
    assert isinstance(found, AmazonAdsSettings)
    return Patience(
        initial=found.poll.initial_seconds,
        factor=found.poll.factor,
        longest=found.poll.max_seconds,
        give_up_after=found.poll.give_up_after_seconds,
        missing_tolerated=found.job_not_found_seconds,
    )


def _show(job_id: str, report: JobReport, *, as_json: bool) -> None:
    if as_json:
        show_json({"job_id": job_id, **asdict(report)})
        return
    show_facts(
        {
            "job_id": job_id,
            "state": report.state,
            "processed_percent": report.processed_percent,
            "invalid_records": len(report.invalid),
            **report.audience_size,
        }
    )
    if report.invalid:
        show_table(
            ("audience_id", "external_user_id", "error"),
            ((one.audience, one.member, one.error) for one in report.invalid),
            "",
        )


def _line(job: Job) -> JobLine:
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


def _ended_line(outcome: Outcome) -> JobLine:
    return replace(
        _line(outcome.job),
        state=outcome.state,
        **asdict(outcome.tally),
        finished_at=moment(outcome.finished_at_ms),
    )
