"""`members`: how many an audience has that is delivered as snapshots, and one of them."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured
from pipeline.cli.showing import cell, show_facts, show_json, show_table
from pipeline.operations.members import count_members, show_member
from pipeline.operations.members_confirming import confirm_members, find_confirmable

members_app = typer.Typer(
    help="Members of audiences that are delivered as snapshots.", no_args_is_help=True
)
COLUMNS = ("offset", "written_at", "says", "changed_at", "source", "has_identity", "counts")

AUDIENCE = "The audience: its name in upstream events, or its id at the partner."
Destination = Annotated[
    str | None, typer.Option("--destination", help="Only there: a name under `destinations`.")
]


@members_app.command("count")
def members_count(
    audience: Annotated[str, typer.Argument(help=AUDIENCE)],
    config: ConfigFile,
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Count the members that a snapshot would have now; reads all of them."""
    settings = configured(config)
    found = ended(lambda: count_members(settings, audience, destination))
    if as_json:
        show_json(found)
    else:
        show_facts(asdict(found))


@members_app.command("show")
def members_show(
    member: Annotated[str, typer.Argument(help="The member's id in upstream events.")],
    config: ConfigFile,
    audience: Annotated[str, typer.Option("--audience", help=AUDIENCE)],
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Show whether somebody is a member now, and which statements say so."""
    settings = configured(config)
    found = ended(lambda: show_member(settings, member, audience, destination))
    if as_json:
        show_json(found)
        return
    facts = asdict(found)
    del facts["lines"]
    show_facts(facts)
    rows = ([getattr(line, column) for column in COLUMNS] for line in found.lines)
    show_table(COLUMNS, rows, "nothing is stored of this member")


@members_app.command("confirm")
def members_confirm(
    destination: Annotated[str, typer.Argument(help="A name under `destinations`.")],
    config: ConfigFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Say that a members topic that was emptied holds everybody again: snapshots go on."""
    settings = configured(config)
    found = ended(lambda: find_confirmable(settings, destination))
    typer.echo(
        cell(
            f"{found.destination}: {found.what}. Whoever was not stated again leaves with the next "
            "snapshot; it waits until ingest has carried what the sources hold now."
        ),
        err=True,
    )
    sentence = f"confirm {found.destination}"
    if not yes and typer.prompt(f'Type "{sentence}" to do it', err=True) != sentence:
        fail("that was not the sentence, so no snapshot is made")
    ended(lambda: confirm_members(settings, found))
    typer.echo(cell(f"{found.destination}: its members are confirmed, and snapshots go on"))
