"""The command line: reads arguments and environment, and turns what goes wrong into one line."""

import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, get_args

import typer

from pipeline.app.assembly import assemble
from pipeline.app.startup import answering
from pipeline.app.supervisor import HARD_STOP_SECONDS, ExitCode, stop_on_signals, supervise
from pipeline.cli.audience_plan_commands import audiences_apply, audiences_plan
from pipeline.cli.check_command import check
from pipeline.cli.config_commands import config_app
from pipeline.cli.ending import ended
from pipeline.cli.job_commands import jobs_app
from pipeline.cli.lane_commands import lanes_app
from pipeline.cli.ledger_command import ledger
from pipeline.cli.letter_commands import dead_letters_app
from pipeline.cli.options import ConfigFile, logged
from pipeline.cli.partner_group import add_partner_commands
from pipeline.cli.sandbox_commands import sandbox, simulator
from pipeline.cli.test_source import compare_examples
from pipeline.configuration.model import Settings
from pipeline.domain.message import StageName
from pipeline.kafka.cluster import unless
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.partner_commands import offered
from pipeline.operations.warm_up import warm_up
from pipeline.settings.problems import suggestion

STAGES: Sequence[StageName] = get_args(StageName)

app = typer.Typer(
    name="audience-pipeline",
    help="Carries audience membership changes to advertising platforms, exactly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audiences_app = typer.Typer(help="Audiences as the partner keeps them.", no_args_is_help=True)
audiences_app.command("plan")(audiences_plan)
audiences_app.command("apply")(audiences_apply)
GROUPS = {
    "config": config_app,
    "audiences": audiences_app,
    "jobs": jobs_app,
    "lanes": lanes_app,
    "dead-letters": dead_letters_app,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
app.command("check")(check)
app.command("ledger")(ledger)
app.command("sandbox")(sandbox)
app.command("simulator")(simulator)
app.command("test")(compare_examples)
add_partner_commands(app, GROUPS, offered())


def _show_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"audience-pipeline {version('audience-pipeline')}")
        raise typer.Exit


@app.command()
def run(
    config: ConfigFile,
    stages: Annotated[str, typer.Option(help="Which of the stages this process does.")] = ",".join(
        STAGES
    ),
) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    Exit codes: 0 drained, 1 failed, 2 wrong usage or configuration, 3 cut off after the grace
    period, 4 ended by the watchdog.
    """
    chosen = _stages(stages)
    settings = logged(config).settings
    code = ended(lambda: _run(settings, chosen))
    if code is not ExitCode.DRAINED:
        raise typer.Exit(code)


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="And leave.")
    ] = False,
) -> None:
    """Carries audience membership changes to advertising platforms, exactly."""


def main() -> None:
    """Entry point of the installed command."""
    app()


async def _run(settings: Settings, stages: Sequence[StageName]) -> ExitCode:
    stop = asyncio.Event()
    stop_on_signals(stop, sys.stderr, settings.run.grace_seconds + 2 * HARD_STOP_SECONDS)
    async with answering(settings) as (admin, shown):
        differences = await unless(stop, prepare(settings, creates=True))
        if differences is None:
            return ExitCode.DRAINED
        for difference in differences:
            typer.echo(f"warning: {difference}", err=True)
        async with assemble(settings, stages) as pipeline:
            shown.pipeline = pipeline
            if {"upload", "poll"} & set(stages):
                await warm_up(pipeline.clients.clients)
            return await supervise(pipeline, stop, admin_port=admin.port)


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
