"""What every command is told: which configuration, which destination, how to print."""

import logging as standard_logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import fail
from pipeline.configuration.load import Configuration, load_with_lock
from pipeline.configuration.model import Settings
from pipeline.settings.problems import SettingsError
from pipeline.telemetry import logs

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", help="The YAML file; config/reference.yaml has every key.")
]
DestinationName = Annotated[
    str | None,
    typer.Option(
        "--destination", help="A name under `destinations`; may be left out where there is one."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
SinceHours = Annotated[
    float, typer.Option("--since-hours", min=0, help="How far to look back, hours.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="The newest so many.")]


def configured(path: Path) -> Settings:
    """The configuration; leaves the program with a line for each problem of it.

    Audiences need not be made yet. Log lines stay away: what is wrong is said once, by the command
    itself.
    """
    return configured_with_lock(path).settings


def configured_with_lock(path: Path) -> Configuration:
    """The same with the lock file beside it."""
    try:
        configuration = load_with_lock(path, os.environ, needs_ids=False)
    except SettingsError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    layout = configuration.settings.logging.format
    logs.configure(level="error", layout=layout, stream=sys.stderr)
    standard_logging.getLogger().setLevel(standard_logging.CRITICAL)
    return configuration


def chosen(settings: Settings, name: str | None) -> str:
    """The destination's name; leaves the program when it is not clear which one is meant."""
    names = sorted(settings.destinations)
    if name is None and len(names) == 1:
        return names[0]
    if name is None:
        fail(f"--destination: which one? There are {', '.join(names)}", ExitCode.USAGE)
    if name not in settings.destinations:
        fail(
            f"--destination: no destination {name!r}; there are {', '.join(names)}", ExitCode.USAGE
        )
    return name
