"""What every command is told: which configuration, which destination, how to print."""

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
        help="The YAML file; config/reference.yaml has every key.",
    ),
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


def hours_ago(hours: float) -> int:
    """The time so many hours ago, milliseconds since the epoch."""
    return hours_before(time.time_ns() // 1_000_000, hours)


def configured(path: Path) -> Settings:
    """The configuration; leaves the program with a line for each problem of it.

    Audiences need not be made yet. Log lines stay away: what is wrong is said once, by the command
    itself.
    """
    return configured_with_lock(path).settings


def configured_with_lock(path: Path) -> Configuration:
    """The same with the lock file beside it."""
    configuration = _loaded(path, needs_ids=False)
    layout = configuration.settings.logging.format
    _silence(layout)
    return configuration


def logged(path: Path) -> Configuration:
    """The configuration of a run, every audience made; logs go where it says."""
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
    """The configuration of a run, for a program: log lines stay away.

    Raises:
        SettingsError: it cannot be used; every problem of it.
    """
    configuration = load_with_lock(path, os.environ)
    _silence("json")
    return configuration


def _silence(layout: Literal["json", "console"]) -> None:
    """Keep log lines away from what a command prints."""
    logs.configure(level="error", layout=layout, stream=sys.stderr)
    standard_logging.getLogger().setLevel(standard_logging.CRITICAL)


def _loaded(path: Path, *, needs_ids: bool) -> Configuration:
    try:
        return load_with_lock(path, os.environ, needs_ids=needs_ids)
    except SettingsError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
