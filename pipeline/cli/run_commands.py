"""`runs`: lists snapshots and the partner's runs, requests a snapshot, approves a held one."""

from typing import Annotated

import typer

from pipeline.cli.asking import is_typed
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, Limit, SinceHours, configured, hours_ago
from pipeline.cli.showing import cell, show_facts, show_fields, show_json, tell_unreadable
from pipeline.operations.snapshots.listing import list_snapshots, show_snapshot
from pipeline.operations.snapshots.requests import approve_snapshot, find_held, start_snapshot

runs_app = typer.Typer(
    help="Snapshots, and the partner's runs that ingest them.", no_args_is_help=True
)
AUDIENCE_COLUMNS = (
    *("destination", "audience", "audience_id", "state", "since", "in_file", "ingested"),
    *("ingested_at", "activatable_by", "expires_at", "last_end", "why"),
)
RUN_COLUMNS = (
    *("intended_at", "audience_id", "number", "state", "end", "in_file", "rows", "size"),
    *("is_charged", "is_ingested", "ended_at", "run_id"),
)

Destination = Annotated[
    str | None,
    typer.Option("--destination", help="Only at this destination, a name under `destinations`."),
]
Audience = Annotated[
    str, typer.Argument(help="The audience's name in upstream events, or its id at the partner.")
]


@runs_app.command("list")
def runs_list(
    config: ConfigFile,
    destination: Destination = None,
    since_hours: SinceHours = 48,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List every audience with its newest snapshot, then the newest runs, oldest first."""
    settings = configured(config)
    since_ms = hours_ago(since_hours)
    found = ended(lambda: list_snapshots(settings, destination, since_ms=since_ms, limit=limit))
    if as_json:
        show_json(found)
    else:
        show_fields(AUDIENCE_COLUMNS, found.audiences, "no audience is delivered as snapshots")
        typer.echo()
        show_fields(RUN_COLUMNS, found.runs, f"no run in the last {since_hours:g} hours")
    tell_unreadable(found.unreadable)


@runs_app.command("show")
def runs_show(
    audience: Audience,
    config: ConfigFile,
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Show one audience: its newest snapshot, what the partner ingested, and its runs."""
    settings = configured(config)
    found = ended(lambda: show_snapshot(settings, audience, destination))
    [line] = found.audiences
    if as_json:
        show_json(found)
    else:
        columns = [*AUDIENCE_COLUMNS, "number", "rows"]
        show_facts({column: getattr(line, column) for column in columns})
        typer.echo()
        show_fields(RUN_COLUMNS, found.runs, "no run in the last 90 days")
    tell_unreadable(found.unreadable)


@runs_app.command("start")
def runs_start(audience: Audience, config: ConfigFile, destination: Destination = None) -> None:
    """Request a snapshot now, even without changes; it goes first, within the budget of runs."""
    settings = configured(config)
    place = ended(lambda: start_snapshot(settings, audience, destination))
    typer.echo(cell(f"{place}: a snapshot is requested; `runs show` shows its progress"))


@runs_app.command("approve")
def runs_approve(
    audience: Audience,
    config: ConfigFile,
    destination: Destination = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Send a snapshot that is held because it has far fewer members than the last one."""
    settings = configured(config)
    held = ended(lambda: find_held(settings, audience, destination))
    before = "nothing" if held.ingested is None else f"{held.ingested} rows"
    typer.echo(
        cell(
            f"{held.place}, snapshot {held.number}: {held.members} members in {held.rows} rows; "
            f"the partner has {before}. Held because {held.reason}."
        ),
        err=True,
    )
    sentence = f"approve {held.place.name}"
    if not yes and not is_typed(sentence):
        fail("the sentence does not match, so the snapshot stays held")
    ended(lambda: approve_snapshot(settings, held))
    typer.echo(cell(f"{held.place}: snapshot {held.number} is approved and goes next"))
