"""`lanes`: lists lanes, pauses and resumes an audience, and retires a lane."""

from typing import Annotated

import typer

from pipeline.cli.asking import is_typed
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured
from pipeline.cli.showing import cell, show_json, show_table
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.operations.lane_list import list_lanes
from pipeline.operations.lane_retirement import find_left, retire_lane
from pipeline.operations.pauses import PauseChange, turn_pauses

lanes_app = typer.Typer(
    help="Lanes: see what waits, pause an audience, retire a lane.", no_args_is_help=True
)
COLUMNS = ("lane", "configured", "waiting", "oldest_waiting", "committed", "end", "clean", "paused")

Destination = Annotated[
    str | None,
    typer.Option("--destination", help="Only at this destination, a name under `destinations`."),
]
Audience = Annotated[
    str, typer.Argument(help="The audience's name in upstream events, or its id at the partner.")
]


@lanes_app.command("list")
def lanes_list(config: ConfigFile, as_json: AsJson = False) -> None:
    """List every lane and what waits in it, also lanes that left the configuration.

    `waiting` counts the offsets after the committed one. It includes markers of transactions, and
    it leaves out the records of paused audiences.
    """
    settings = configured(config)
    lines = ended(lambda: list_lanes(settings))
    if as_json:
        show_json(lines)
        return
    rows = ([getattr(line, column) for column in COLUMNS] for line in lines)
    show_table(COLUMNS, rows, _no_lane(settings))
    for line in lines:
        for moved in line.moved:
            typer.echo(cell(moved))


@lanes_app.command("pause")
def lanes_pause(audience: Audience, config: ConfigFile, destination: Destination = None) -> None:
    """Keep an audience's records in Kafka until `lanes resume`; other audiences go on."""
    settings = configured(config)
    for one in ended(lambda: turn_pauses(settings, audience, destination, is_paused=True)):
        _tell(one)


@lanes_app.command("resume")
def lanes_resume(audience: Audience, config: ConfigFile, destination: Destination = None) -> None:
    """End a pause: send the audience's kept records in order, then its new ones."""
    settings = configured(config)
    for one in ended(lambda: turn_pauses(settings, audience, destination, is_paused=False)):
        _tell(one)


@lanes_app.command("retire")
def lanes_retire(
    lane: Annotated[
        str, typer.Argument(help="<destination>.<connection>, as `lanes list` shows it.")
    ],
    config: ConfigFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Delete the topic of a lane that left the configuration, with all records that wait in it."""
    settings = configured(config)
    left = ended(lambda: find_left(settings, lane))
    typer.echo(f"{left.waiting} records wait in lane {lane}; they will not be sent.", err=True)
    sentence = f"retire {lane}"
    if not yes and not is_typed(sentence):
        fail("the sentence does not match, so nothing was removed")
    ended(lambda: retire_lane(settings, left))
    typer.echo(f"lane {cell(lane)} retired: its topic {cell(left.topic)} is deleted")


def _no_lane(settings: Settings) -> str:
    if lanes(settings):
        return "no lane has a topic yet: the first `run` creates the topics"
    if settings.audiences:
        return "no audience goes through a lane: its partner takes files; see `runs list`"
    return "there are no lanes, because no audience is configured"


def _tell(change: PauseChange) -> None:
    typer.echo(cell(f"{change.place}: {_became(change)}"))
    if not change.is_served:
        lane = change.place.lane
        typer.echo(cell(f"lane {lane} is not in the configuration: nobody serves it"))


def _became(change: PauseChange) -> str:
    match change.has_changed, change.is_paused:
        case True, True:
            return "paused; its records are kept until `lanes resume`"
        case True, False:
            return "resumed; the kept records are sent first"
        case False, True:
            return "is already paused"
        case _:
            return "is not paused"
