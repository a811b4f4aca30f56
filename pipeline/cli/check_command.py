"""`check`: validates a configuration; with --online, also against brokers and partners."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended
from pipeline.cli.options import AsJson, ConfigFile, logged, read_configuration
from pipeline.cli.showing import show_json
from pipeline.configuration.load import Configuration
from pipeline.destinations.control import Finding
from pipeline.operations import check as checking
from pipeline.settings.problems import Problem, SettingsError, dotted


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `check --json` prints."""

    is_valid: bool
    problems: Sequence[dict[str, object]] = ()
    findings: Sequence[Finding] = ()


def check(
    config: ConfigFile,
    online: Annotated[
        bool,
        typer.Option(
            "--online",
            help="Also ask the brokers, and the partners: tokens, terms, connections, audiences.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate a configuration; each problem shows its key, its value and the remedy.

    Exit codes: 0 valid, 1 valid but brokers or partners differ (--online), 2 not valid.
    """
    if as_json:
        _check_for_programs(config, online=online)
        return
    configuration = logged(config)
    for finding in checking.offline(configuration):
        typer.echo(finding.text)
    if online and ended(lambda: _told(configuration)):
        raise typer.Exit(ExitCode.FAILED)
    typer.echo("configuration is valid")


def _check_for_programs(config: ConfigFile, *, online: bool) -> None:
    try:
        configuration = read_configuration(config)
    except SettingsError as error:
        problems = [_described(problem) for problem in error.problems]
        show_json(Report(is_valid=False, problems=problems))
        raise typer.Exit(ExitCode.USAGE) from None
    findings = list(checking.offline(configuration))
    if online:
        findings += ended(lambda: _found(configuration))
    show_json(Report(is_valid=True, findings=findings))
    if any(finding.is_bad for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


async def _told(configuration: Configuration) -> bool:
    """Print each finding as it comes; whether one of them is bad."""
    is_bad = False
    async for finding in checking.online(configuration.settings):
        typer.echo(finding.text)
        is_bad = is_bad or finding.is_bad
    return is_bad


async def _found(configuration: Configuration) -> list[Finding]:
    return [finding async for finding in checking.online(configuration.settings)]


def _described(problem: Problem) -> dict[str, object]:
    return {**asdict(problem), "path": dotted(problem.path)}
