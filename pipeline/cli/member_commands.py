"""`members`: counts, shows, confirms and retires the members of snapshot audiences."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.asking import is_typed
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured, configured_with_lock
from pipeline.cli.showing import cell, show_facts, show_json, show_table
from pipeline.operations.members import count_members, show_member
from pipeline.operations.members_confirming import confirm_members, find_confirmable
from pipeline.operations.members_retiring import LeftMembers, find_left_members, retire_members

members_app = typer.Typer(
    help="Members of audiences that are delivered as snapshots.", no_args_is_help=True
)
COLUMNS = ("offset", "written_at", "says", "changed_at", "source", "has_identity", "counts")

AUDIENCE = "The audience: its name in upstream events, or its id at the partner."
Destination = Annotated[
    str | None,
    typer.Option("--destination", help="Only at this destination, a name under `destinations`."),
]


@members_app.command("count")
def members_count(
    audience: Annotated[str, typer.Argument(help=AUDIENCE)],
    config: ConfigFile,
    destination: Destination = None,
    as_json: AsJson = False,
) -> None:
    """Count the members that a snapshot would have now; this reads all of them."""
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
    """Show whether a person is a member now, and the stored changes that say so."""
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
    """Confirm that an emptied members topic holds all members again; snapshots then go on."""
    settings = configured(config)
    found = ended(lambda: find_confirmable(settings, destination))
    typer.echo(
        cell(
            f"{found.destination}: {found.what}. A member that upstream has not sent again leaves "
            "with the next snapshot. That snapshot waits until ingest has read what the sources "
            "hold now."
        ),
        err=True,
    )
    sentence = f"confirm {found.destination}"
    if not yes and not is_typed(sentence):
        fail("the sentence does not match, so no snapshot is made")
    ended(lambda: confirm_members(settings, found))
    typer.echo(cell(f"{found.destination}: its members are confirmed, and snapshots go on"))


@members_app.command("retire")
def members_retire(
    audience: Annotated[str, typer.Argument(help="The audience's id at the partner.")],
    config: ConfigFile,
    destination: Annotated[
        str | None,
        typer.Option(
            "--destination",
            help="Its destination; needed only if several destinations store members of it.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Delete all stored members of an audience that left the configuration."""
    configuration = configured_with_lock(config)
    left = ended(lambda: find_left_members(configuration, audience, destination))
    for line in _before(left):
        typer.echo(cell(line), err=True)
    sentence = f"retire {left.audience}"
    if not yes and not is_typed(sentence):
        fail("the sentence does not match, so nothing was deleted")
    count = ended(lambda: retire_members(configuration.settings, left))
    for line in _after(left, count):
        typer.echo(cell(line))


def _before(left: LeftMembers) -> Iterator[str]:
    yield (
        f"{left.members} members of audience {left.audience} of {left.destination} are stored in "
        f"topic {left.topic}, with former members. All of this will be deleted for good. First "
        "restart every process with this configuration: a process that still has the audience "
        "writes its members again, and may remove members at the partner."
    )
    if left.unmade:
        yield (
            f"Configured there without an id: {', '.join(left.unmade)}. If one of them is this "
            f"audience under a new name, do not go on: give it the id {left.audience} instead."
        )


def _after(left: LeftMembers, count: int) -> Iterator[str]:
    yield (
        f"audience {left.audience} of {left.destination} retired: {count} members are marked as "
        "deleted. Kafka deletes them within about a week, but only after newer messages. If the "
        "destination has no other audience, repeat this command in four days: it writes some"
    )
    how = (
        f"`audiences delete {left.audience} --destination {left.destination}`"
        if left.is_served
        else "its console"
    )
    yield f"the partner still has the audience, until its members expire there or by {how}"
