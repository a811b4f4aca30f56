"""`ledger`: counts from the topics whether every record has an end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured, hours_ago
from pipeline.cli.showing import cell, show_fields, show_json, show_table, tell_unreadable
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import routes
from pipeline.operations.ledger.ledger_reading import Told
from pipeline.operations.ledger.statement import NAMED_AT_MOST, LaneStatement, Statement
from pipeline.operations.member_ledger import file_destinations, member_ledger
from pipeline.operations.snapshots.listing import SnapshotLine, ledger_of_snapshots
from pipeline.operations.whole_ledger import MOST_HOURS, whole_ledger

SNAPSHOT_COLUMNS = (
    *("destination", "audience", "audience_id", "state", "in_file", "ingested", "ingested_at"),
    *("activatable_by", "expires_at", "why"),
)
NO_CHANGE = "no lane holds a change of this member"
WHY_NOT = (
    "; either upstream sent none, or consent withheld it "
    "(`audience_changes_withheld_total`), or ingest rejected it (`dead-letters list "
    "--stage ingest --key ID`), or the lane deleted it after `upload.keep_delivered_hours`"
)
MEMBER_COLUMNS = ("lane", "offset", "changed_at", "end", "detail")

Lane = Annotated[
    str | None, typer.Option(help="Only this lane: <destination>.<connection>, or the connection.")
]
LaneSinceHours = Annotated[
    float,
    typer.Option(
        min=0,
        max=MOST_HOURS,
        help="Only records that reached their lane so many hours ago or later.",
    ),
]
Member = Annotated[
    str | None, typer.Option(help="Show only the changes of this member (member.id upstream).")
]
Audience = Annotated[
    str | None, typer.Option(help="With --member: the audience, as upstream names it.")
]


def ledger(
    config: ConfigFile,
    lane: Lane = None,
    since_hours: LaneSinceHours = MOST_HOURS,
    member: Member = None,
    audience: Audience = None,
    as_json: AsJson = False,
) -> None:
    """Count from the topics how every record that a lane still holds has ended.

    For audiences that are delivered as snapshots: count the members in the newest file, and those
    that the partner has ingested.

    Exit codes: 0 every record is accounted for (it may still wait, or its job be pending), 1 not.
    """
    settings = configured(config)
    if (member is None) != (audience is None):
        fail("--member and --audience go together", ExitCode.USAGE)
    if member is not None and audience is not None:
        _tell_member(settings, member, audience, as_json=as_json)
        return
    since_ms = hours_ago(since_hours)
    told = ended(lambda: whole_ledger(settings.kafka, lane, since_ms))
    snapshots = ended(lambda: ledger_of_snapshots(settings)) if lane is None else []
    if as_json:
        show_json({**_document(told), "snapshots": snapshots})
    else:
        _show(told.statement)
        _show_snapshots(snapshots)
    tell_unreadable(told.unreadable)
    differences = told.statement.differences()
    for difference in differences:
        typer.echo(f"error: {difference}", err=True)
    if differences:
        raise typer.Exit(ExitCode.FAILED)


def _tell_member(settings: Settings, member: str, audience: str, *, as_json: bool) -> None:
    lines = ended(lambda: member_ledger(settings, member, audience))
    if as_json:
        show_json(lines)
    else:
        why = WHY_NOT if routes(settings)[audience] else ""
        show_fields(MEMBER_COLUMNS, lines, NO_CHANGE + why)
    for name in file_destinations(settings, audience):
        typer.echo(f"{cell(name)} gets files of this audience: see `members show`", err=True)
    if any(line.end == "lost" for line in lines):
        raise typer.Exit(ExitCode.FAILED)


def _show(statement: Statement) -> None:
    for lane in statement.lanes:
        typer.echo(f"lane {lane.lane}, offsets {lane.start} to {lane.end}")
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


def _show_snapshots(snapshots: Sequence[SnapshotLine]) -> None:
    if snapshots:
        show_fields(SNAPSHOT_COLUMNS, snapshots, "")


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
