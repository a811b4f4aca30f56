"""`test`: what a configuration makes of example events, against what is expected of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import orjson
import typer

from pipeline.app.supervisor import ExitCode
from pipeline.configuration.offline import load_offline
from pipeline.operations.sources.example_files import UnusableExamples
from pipeline.operations.sources.example_values import schemas_in
from pipeline.operations.sources.results import as_json, junit, lines
from pipeline.operations.sources.testing import Report, run_examples
from pipeline.operations.sources.updating import update
from pipeline.settings.problems import SettingsError
from pipeline.sources.encodings.schemas import Schema


def compare_examples(
    paths: Annotated[
        list[Path], typer.Argument(help="Files of examples (.json, .jsonl, .yaml), or folders.")
    ],
    config: Annotated[
        Path,
        typer.Option(
            "--config", "-c", envvar="AUDIENCE_PIPELINE_CONFIG", help="The YAML file to test."
        ),
    ] = Path("pipeline.yaml"),
    schemas: Annotated[
        Path | None,
        typer.Option("--schemas", help="A folder with the registry's schemas, such as 7.avsc."),
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Also write JUnit's XML to this file.")
    ] = None,
    is_updated: Annotated[
        bool, typer.Option("--update", help="Write what came out into the files as expected.")
    ] = False,
) -> None:
    """Run example events through the configuration and say what differs from their expectation.

    No secret, broker or registry is needed. Exit codes: 0 all as expected, 1 something differs,
    2 a file cannot be used, a topic is no source, or there is no example.
    """
    try:
        settings = load_offline(config, os.environ)
        known: Mapping[int, Schema] = {} if schemas is None else schemas_in(schemas)
        report = run_examples(settings, paths, known)
        if junit_file is not None:
            junit_file.write_text(junit(report), encoding="utf-8")
    except (SettingsError, UnusableExamples, OSError) as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    if is_json:
        typer.echo(orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2).decode())
    else:
        for line in lines(report):
            typer.echo(line)
    if is_updated:
        _update(report)
    elif report.failed:
        raise typer.Exit(ExitCode.FAILED)


def _update(report: Report) -> None:
    left = update(report)
    typer.echo(f"updated {len(report.failed) - len(left)} examples", err=True)
    for tried in left:
        typer.echo(f"left as it is: {tried.example.place()}: it is rejected in part", err=True)
    if left:
        raise typer.Exit(ExitCode.FAILED)
