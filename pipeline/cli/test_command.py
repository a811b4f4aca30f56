"""`test`: compares what a configuration makes of example events with the expected results."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import checked, fail
from pipeline.cli.options import CONFIG_VARIABLE, AsJson
from pipeline.cli.showing import show_json
from pipeline.configuration.offline import load_offline
from pipeline.operations.sources.example_files import UnusableExamples
from pipeline.operations.sources.example_values import schemas_in
from pipeline.operations.sources.results import as_json as report_as_json
from pipeline.operations.sources.results import junit, lines
from pipeline.operations.sources.testing import Report, run_examples
from pipeline.operations.sources.updating import update
from pipeline.operations.trouble import UsageRefused, refused_path
from pipeline.settings.problems import SettingsError

Paths = Annotated[
    list[Path], typer.Argument(help="Files of examples (.json, .jsonl, .yaml), or folders.")
]
Config = Annotated[
    Path, typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help="The YAML file to test.")
]
SchemasFolder = Annotated[
    Path | None,
    typer.Option("--schemas", help="A folder with the registry's schemas, such as 7.avsc."),
]
JunitFile = Annotated[
    Path | None, typer.Option("--junit", help="Also write the result as JUnit XML to this file.")
]
IsUpdated = Annotated[
    bool, typer.Option("--update", help="Write the actual results into the files as expected ones.")
]


def compare_examples(
    paths: Paths,
    config: Config = Path("pipeline.yaml"),
    schemas: SchemasFolder = None,
    as_json: AsJson = False,
    junit_file: JunitFile = None,
    is_updated: IsUpdated = False,
) -> None:
    """Run example events through the configuration and show what differs from expectations.

    This needs no secret, broker or registry. Exit codes: 0 all as expected, 1 something differs,
    2 a file cannot be used, a topic is no source, or there is no example.
    """
    report = _tried(config, paths, schemas, junit_file)
    if as_json:
        show_json(report_as_json(report))
    else:
        for line in lines(report):
            typer.echo(line)
    if is_updated:
        _update(report)
    elif report.failed:
        raise typer.Exit(ExitCode.FAILED)


def _tried(
    config: Path, paths: list[Path], schemas: Path | None, junit_file: Path | None
) -> Report:
    try:
        settings = load_offline(config, os.environ)
        known = {} if schemas is None else schemas_in(schemas)
        report = run_examples(settings, paths, known, now_ms=time.time_ns() // 1_000_000)
        if junit_file is not None:
            _write_junit(junit_file, report)
    except (SettingsError, UnusableExamples, UsageRefused) as error:
        *before, last = str(error).splitlines()
        for line in before:
            typer.echo(f"error: {line}", err=True)
        fail(last, ExitCode.USAGE)
    return report


def _write_junit(file: Path, report: Report) -> None:
    try:
        file.write_text(junit(report), encoding="utf-8")
    except OSError as error:
        remedy = "--junit: name a file in a folder that this user may write to"
        raise refused_path(file, error, remedy) from None


def _update(report: Report) -> None:
    left = checked(lambda: update(report))
    typer.echo(f"updated {len(report.failed) - len(left)} examples", err=True)
    for tried in left:
        typer.echo(f"left as it is: {tried.example.place()}: it is rejected in part", err=True)
    if left:
        raise typer.Exit(ExitCode.FAILED)
