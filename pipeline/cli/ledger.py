"""`ledger`: every record has an end, added up from the topics; exit code 1 if it does not."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import CommandTrouble, ended, fail
from pipeline.cli.member_ledger import ledger_topics, tell_member
from pipeline.cli.options import AsJson, ConfigFile, configured
from pipeline.cli.showing import show_json, show_table
from pipeline.configuration.kafka import KafkaSettings
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import JOB_DAYS, reader
from pipeline.operations.ledger.reading import Told, read_ledger
from pipeline.operations.ledger.statement import NAMED_AT_MOST, LaneStatement, Statement
from pipeline.settings.problems import suggestion

HOUR_MS = 3_600_000
MOST_HOURS = JOB_DAYS * 24 - 1
"""Older jobs may have left their topic, and records with them their end."""


def ledger(
    config: ConfigFile,
    lane: Annotated[
        str | None,
        typer.Option(help="Only this one: <destination>.<connection>, or the connection."),
    ] = None,
    since_hours: Annotated[
        float,
        typer.Option(min=0, max=MOST_HOURS, help="Records written to their lane since, hours."),
    ] = MOST_HOURS,
    member: Annotated[
        str | None,
        typer.Option(help="Instead, what became of each change of this member.id upstream."),
    ] = None,
    audience: Annotated[
        str | None, typer.Option(help="With --member: the audience, as upstream names it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add up, from the topics, what became of every record that still stands in a lane.

    Exit codes: 0 it adds up (records may still wait, and jobs be pending), 1 it does not.
    """
    settings = configured(config)
    if (member is None) != (audience is None):
        fail("--member and --audience go together", ExitCode.USAGE)
    if member is not None and audience is not None:
        tell_member(settings, member, audience, as_json=as_json)
        return
    since_ms = time.time_ns() // 1_000_000 - round(since_hours * HOUR_MS)
    told = ended(lambda: _read(settings.kafka, lane, since_ms))
    if as_json:
        show_json(_document(told))
    else:
        _show(told.statement)
    if told.unreadable:
        typer.echo(f"{told.unreadable} messages are of a version unknown here", err=True)
    differences = told.statement.differences()
    for difference in differences:
        typer.echo(f"error: {difference}", err=True)
    if differences:
        raise typer.Exit(ExitCode.FAILED)


async def _read(kafka: KafkaSettings, lane: str | None, since_ms: int) -> Told:
    names = Names(kafka.namespace)
    async with reader(kafka) as open_reader:
        lanes = _chosen(names.lanes(open_reader.topics), lane)
        return await read_ledger(open_reader, ledger_topics(names, lanes), since_ms)


def _chosen(lanes: Mapping[str, str], requested: str | None) -> Mapping[str, str]:
    if requested is None:
        return lanes
    chosen = {
        lane: topic for lane, topic in lanes.items() if requested in (lane, lane.partition(".")[2])
    }
    if not chosen:
        raise CommandTrouble(
            f"--lane: no lane {requested!r}; {suggestion(requested, sorted(lanes))}"
        )
    return chosen


def _show(statement: Statement) -> None:
    for lane in statement.lanes:
        typer.echo(f"lane {lane.lane}, offsets {lane.start} to {lane.end}{_why(lane)}")
        for equation in lane.equations():
            typer.echo(f"  {equation}")
    letters = sorted(statement.letters.items())
    rows = [(kind.stage, kind.reason, count) for kind, count in letters]
    show_table(("dead letters of", "reason", "count"), rows, "no dead letters")
    if statement.differences():
        typer.echo("it does not add up")
    elif all(lane.is_at_rest for lane in statement.lanes):
        typer.echo("every record has its end")
    else:
        typer.echo("every record has its end, waits for it, or is in a job that is pending")


def _why(lane: LaneStatement) -> str:
    return f" ({lane.not_before})" if lane.not_before else ""


def _document(told: Told) -> Mapping[str, object]:
    statement = told.statement
    return {
        "adds_up": not statement.differences(),
        "at_rest": all(lane.is_at_rest for lane in statement.lanes),
        "differences": statement.differences(),
        "lanes": [_lane_document(lane) for lane in statement.lanes],
        "dead_letters": [
            {**kind._asdict(), "count": count} for kind, count in sorted(statement.letters.items())
        ],
        "unreadable_messages": told.unreadable,
    }


def _lane_document(lane: LaneStatement) -> Mapping[str, object]:
    """Counts by name; of lost offsets and of jobs that nobody follows, the first few."""
    records = asdict(lane.records)
    jobs = asdict(lane.jobs)
    named = {name: jobs.pop(name)[:NAMED_AT_MOST] for name in ("unfollowed", "orphaned")}
    lost = records.pop("lost")
    return {
        "lane": lane.lane,
        "start": lane.start,
        "end": lane.end,
        **records,
        "lost": len(lost),
        "lost_offsets": lost[:NAMED_AT_MOST],
        **jobs,
        **{f"{name}_jobs": ids for name, ids in named.items()},
    }
