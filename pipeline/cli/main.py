"""The command line: reads arguments and environment, and turns what goes wrong into one line."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import orjson
import typer

from pipeline.app.assembly import assemble
from pipeline.app.supervisor import HARD_STOP_SECONDS, ExitCode, stop_on_signals, supervise
from pipeline.cli.ending import ended
from pipeline.cli.groups import add_to
from pipeline.cli.sandbox import sandbox, simulator
from pipeline.cli.sources import config_init, sources_app
from pipeline.cli.test_source import compare_examples
from pipeline.configuration.load import Configuration, load_with_lock
from pipeline.configuration.model import Settings, schema
from pipeline.domain.message import StageName
from pipeline.operations import check as checking
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.warm_up import warm_up
from pipeline.settings.problems import SettingsError, suggestion
from pipeline.sources.native_schema import EVENT_SCHEMA
from pipeline.telemetry import logs

STAGES: Sequence[StageName] = get_args(StageName)

app = typer.Typer(
    name="audience-pipeline",
    help="Carries audience membership changes to advertising platforms, exactly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
config_app = typer.Typer(help="About the configuration file.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.command("sandbox")(sandbox)
app.command("simulator")(simulator)
add_to(app)
app.add_typer(sources_app, name="sources")
config_app.command("init")(config_init)
app.command("test")(compare_examples)

Config = Annotated[
    Path, typer.Option("--config", "-c", help="The YAML file; config/reference.yaml has every key.")
]


@app.command()
def run(
    config: Config,
    stages: Annotated[str, typer.Option(help="Which of the stages this process does.")] = ",".join(
        STAGES
    ),
) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    Exit codes: 0 drained, 1 failed, 2 wrong usage or configuration, 3 cut off after the grace
    period, 4 ended by the watchdog.
    """
    chosen = _stages(stages)
    settings = _configuration(config).settings
    _end(lambda: _run(settings, chosen))


@app.command()
def check(
    config: Config,
    online: Annotated[
        bool, typer.Option("--online", help="Also try the brokers, the tokens and the terms.")
    ] = False,
) -> None:
    """Validate a configuration; what is wrong is named with its key, its value and the remedy."""
    configuration = _configuration(config)
    settings = configuration.settings
    for finding in checking.offline(settings):
        typer.echo(finding.text)
    for line in configuration.identities.unused(settings):
        typer.echo(f"warning: {line}")
    if online:
        _end(lambda: _check_online(settings))
    typer.echo("configuration is valid")


@config_app.command("schema")
def config_schema(
    event: Annotated[
        bool, typer.Option("--event", help="The native event instead of the configuration.")
    ] = False,
) -> None:
    """Print a JSON Schema: of the configuration file, or of the native event."""
    document = EVENT_SCHEMA if event else schema()
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def main() -> None:
    """Entry point of the installed command."""
    app()


async def _run(settings: Settings, stages: Sequence[StageName]) -> ExitCode:
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, settings.run.grace_seconds + 2 * HARD_STOP_SECONDS)
    for difference in await prepare(settings, creates=True):
        typer.echo(f"warning: {difference}", err=True)
    async with assemble(settings, stages) as pipeline:
        if {"upload", "poll"} & set(stages):
            await warm_up(pipeline.partners.clients)
        return await supervise(pipeline, stop)


async def _check_online(settings: Settings) -> ExitCode:
    is_bad = False
    async for finding in checking.online(settings):
        typer.echo(finding.text)
        is_bad = is_bad or finding.is_bad
    return ExitCode.FAILED if is_bad else ExitCode.DRAINED


def _end(work: Callable[[], Coroutine[Any, Any, ExitCode]]) -> None:
    """Do the work and leave with its exit code."""
    code = ended(work)
    if code is not ExitCode.DRAINED:
        raise typer.Exit(code)


def _configuration(path: Path) -> Configuration:
    try:
        configuration = load_with_lock(path, os.environ)
    except SettingsError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    wanted = configuration.settings.logging
    logs.configure(level=wanted.level, layout=wanted.format, stream=sys.stderr)
    return configuration


def _stages(text: str) -> Sequence[StageName]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    for name in wanted:
        if name not in STAGES:
            typer.echo(f"error: --stages: no stage {name!r}; {suggestion(name, STAGES)}", err=True)
            raise typer.Exit(ExitCode.USAGE)
    if not wanted:
        typer.echo(f"error: --stages: name at least one of {', '.join(STAGES)}", err=True)
        raise typer.Exit(ExitCode.USAGE)
    return [stage for stage in STAGES if stage in wanted]
