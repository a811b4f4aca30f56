"""The command line: reads arguments and environment, and prints each error as one line."""

from importlib.metadata import version
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.audience_plan_commands import audiences_apply, audiences_plan
from pipeline.cli.canary_command import canary
from pipeline.cli.check_command import check
from pipeline.cli.config_commands import config_app
from pipeline.cli.ending import ended
from pipeline.cli.job_commands import jobs_app
from pipeline.cli.lane_commands import lanes_app
from pipeline.cli.ledger_command import ledger
from pipeline.cli.letter_commands import dead_letters_app
from pipeline.cli.member_commands import members_app
from pipeline.cli.options import ConfigFile, logged
from pipeline.cli.partner_group import add_partner_commands
from pipeline.cli.produce_command import produce
from pipeline.cli.run_commands import runs_app
from pipeline.cli.running import run_stages
from pipeline.cli.sandbox_commands import sandbox, simulator
from pipeline.cli.source_commands import sources_app
from pipeline.cli.stage_choice import chosen_stages
from pipeline.cli.test_command import compare_examples
from pipeline.cli.traffic_command import traffic
from pipeline.configuration.stage_needs import STAGES, stages_with_work, unmet_needs
from pipeline.operations.partner_commands import offered

app = typer.Typer(
    name="audience-pipeline",
    help="Carries audience membership changes to advertising platforms, exactly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
audiences_app = typer.Typer(help="The audiences at the partner.", no_args_is_help=True)
audiences_app.command("plan")(audiences_plan)
audiences_app.command("apply")(audiences_apply)
GROUPS = {
    "config": config_app,
    "audiences": audiences_app,
    "jobs": jobs_app,
    "lanes": lanes_app,
    "members": members_app,
    "runs": runs_app,
    "dead-letters": dead_letters_app,
    "sources": sources_app,
}
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
app.command("check")(check)
app.command("canary")(canary)
app.command("ledger")(ledger)
app.command("produce")(produce)
app.command("sandbox")(sandbox)
app.command("traffic")(traffic)
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
    stages: Annotated[
        str | None,
        typer.Option(
            help=f"The stages that this process runs: some of {','.join(STAGES)}.",
            show_default="all that the destinations need",
        ),
    ] = None,
) -> None:
    """Run the pipeline until SIGTERM or SIGINT, then finish what is in flight.

    Exit codes: 0 drained, 1 failed, 2 wrong usage or configuration, 3 cut off after the grace
    period, 4 ended by the watchdog.
    """
    named = None if stages is None else chosen_stages(stages)
    settings = logged(config).settings
    chosen = named or stages_with_work(settings)
    needs = list(unmet_needs(settings, chosen))
    for need in needs:
        typer.echo(f"error: {need.line(str(config))}", err=True)
    if needs:
        raise typer.Exit(ExitCode.USAGE)
    code = ended(lambda: run_stages(settings, chosen))
    if code is not ExitCode.DRAINED:
        raise typer.Exit(code)


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Carries audience membership changes to advertising platforms, exactly."""


def main() -> None:
    """Entry point of the installed command."""
    app()
