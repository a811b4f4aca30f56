"""The options that commands share: the configuration, the destination, the output."""

import logging as standard_logging
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.configuration.load import Configuration, load_with_lock
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import secret_beginnings
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.moments import hours_before
from pipeline.settings.problems import SettingsError
from pipeline.telemetry import logs

CONFIG_VARIABLE = "AUDIENCE_PIPELINE_CONFIG"

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        envvar=CONFIG_VARIABLE,
        help="The YAML file; config/reference.yaml shows every key.",
    ),
]
DestinationName = Annotated[
    str | None,
    typer.Option(
        "--destination", help="A name under `destinations`; optional if there is only one."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
SinceHours = Annotated[
    float, typer.Option("--since-hours", min=0, help="How many hours to look back.")
]
Limit = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, help="Show at most this many, the newest.")
]


def hours_ago(hours: float) -> int:
    """The time this many hours ago, milliseconds since the epoch."""
    return hours_before(time.time_ns() // 1_000_000, hours)


def configured(path: Path) -> Settings:
    """The configuration; if it is not valid, print a line for each problem and exit.

    Audiences need no id yet. Log lines are off, because the command itself prints what is wrong.
    """
    return configured_with_lock(path).settings


def configured_with_lock(path: Path) -> Configuration:
    """The configuration as `configured` reads it, with the lock file beside it."""
    configuration = _loaded(path, needs_ids=False)
    layout = configuration.settings.logging.format
    _silence(layout)
    return configuration


def logged(path: Path) -> Configuration:
    """The configuration of a run; every audience must have its id. Sets up logging."""
    configuration = _loaded(path, needs_ids=True)
    said = configuration.settings.logging
    logs.configure(
        level=said.level,
        layout=said.format,
        stream=sys.stderr,
        redacts=secret_beginnings(PARTNERS),
    )
    return configuration


def read_configuration(path: Path) -> Configuration:
    """The configuration of a run, for a program; log lines are off.

    Raises:
        SettingsError: the configuration is not valid; the error holds every problem.
    """
    configuration = load_with_lock(path, os.environ)
    _silence("json")
    return configuration


def _silence(layout: Literal["json", "console"]) -> None:
    """Keep log lines out of the output of a command."""
    logs.configure(level="error", layout=layout, stream=sys.stderr)
    standard_logging.getLogger().setLevel(standard_logging.CRITICAL)


def _loaded(path: Path, *, needs_ids: bool) -> Configuration:
    try:
        return load_with_lock(path, os.environ, needs_ids=needs_ids)
    except SettingsError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
