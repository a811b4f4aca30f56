"""`jobs`: lists the submitted jobs, and asks the partner about one of them."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended
from pipeline.cli.options import (
    AsJson,
    ConfigFile,
    DestinationName,
    Limit,
    SinceHours,
    configured,
    hours_ago,
)
from pipeline.cli.showing import (
    cell,
    show_facts,
    show_fields,
    show_json,
    show_table,
    tell_unreadable,
)
from pipeline.domain.job import JobReport, NotYet
from pipeline.operations.job_list import JobFilter, list_jobs
from pipeline.operations.job_watching import show_job, watch_job

jobs_app = typer.Typer(help="Jobs: uploads that the partner processes later.", no_args_is_help=True)

COLUMNS = (
    *("submitted_at", "job_id", "state", "destination", "connection", "audience_id"),
    *("records", "applied", "invalid", "failed", "unknown", "finished_at"),
)
JobId = Annotated[str, typer.Argument(help="The job_id that `jobs list` shows.")]


@jobs_app.command("list")
def jobs_list(
    config: ConfigFile,
    since_hours: SinceHours = 24,
    limit: Limit = 50,
    state: Annotated[
        str | None, typer.Option(help="Only jobs in this state, such as FAILED.")
    ] = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """List the newest jobs, oldest first, with the results of their records."""
    settings = configured(config)
    wanted = JobFilter(
        since_ms=hours_ago(since_hours),
        limit=limit,
        state=state,
        destination=destination_name,
    )
    found = ended(lambda: list_jobs(settings, wanted))
    if as_json:
        show_json(found.jobs)
    else:
        show_fields(COLUMNS, found.jobs, f"no job in the last {since_hours:g} hours")
    tell_unreadable(found.unreadable)


@jobs_app.command("show")
def jobs_show(
    job_id: JobId,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Ask the partner about one job, once."""
    settings = configured(config)
    report = ended(lambda: show_job(settings, destination_name, job_id))
    _show(job_id, report, as_json=as_json)


@jobs_app.command("watch")
def jobs_watch(
    job_id: JobId,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Ask the partner about one job, at the configured intervals, until it ends.

    Exit codes: 0 the job succeeded for all or some targets; 1 it failed, or was given up.
    """
    settings = configured(config)
    report = ended(lambda: watch_job(settings, destination_name, job_id, _tell))
    _show(job_id, report, as_json=as_json)
    if report.end == "failed":
        raise typer.Exit(ExitCode.FAILED)


def _tell(said: JobReport | NotYet, pause: float) -> None:
    state = said.state if isinstance(said, JobReport) else said.detail
    typer.echo(f"{cell(state)}; asking again in {pause:.0f} s", err=True)


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
        rows = [(one.audience, one.member, one.error) for one in report.invalid]
        show_table(("audience_id", "external_user_id", "error"), rows, "")
