"""`config init` for a format of events, and `sources`: what stands in upstream topics."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import ended
from pipeline.configuration.load import load_with_lock
from pipeline.operations.sources.inspecting import Report, inspect
from pipeline.operations.sources.inspection import ValuesSeen
from pipeline.operations.sources.starting_files import (
    FileExists,
    UnknownFormat,
    formats,
    write_starting_files,
)
from pipeline.settings.problems import SettingsError

sources_app = typer.Typer(help="What stands in upstream topics.", no_args_is_help=True)


def config_init(
    file: Annotated[Path, typer.Argument(help="Where to write the configuration.")] = Path(
        "pipeline.yaml"
    ),
    source_format: Annotated[
        str, typer.Option("--format", help=f"The format of the events: {', '.join(formats())}.")
    ] = "native",
) -> None:
    """Write a first configuration, and examples of events beside it; nothing is overwritten."""
    try:
        written, examples = write_starting_files(source_format, file)
    except (UnknownFormat, FileExists, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    typer.echo(f"written: {written}, {examples}")
    typer.echo(f"try: audience-pipeline test --config {written} {examples.parent}")


@sources_app.command("inspect")
def sources_inspect(
    topic: Annotated[str, typer.Argument(help="A topic, whether it is a source yet or not.")],
    config: Annotated[
        Path,
        typer.Option("--config", "-c", envvar="AUDIENCE_PIPELINE_CONFIG", help="The YAML file."),
    ] = Path("pipeline.yaml"),
    count: Annotated[
        int, typer.Option("--count", min=1, max=10_000, help="The newest so many messages.")
    ] = 100,
    values: Annotated[
        str | None,
        typer.Option("--values", help="A JSON Pointer: also show the different values there."),
    ] = None,
    is_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Show the keys, the encoding and the fields of a topic, and no person in it."""
    try:
        settings = load_with_lock(config, os.environ, needs_ids=False).settings
    except SettingsError as error:
        for line in str(error).splitlines():
            typer.echo(f"error: {line}", err=True)
        raise typer.Exit(ExitCode.USAGE) from None
    report = ended(lambda: inspect(settings, topic, count=count, pointer=values))
    if is_json:
        document = dataclasses.asdict(report)
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    for line in _lines(report):
        typer.echo(line)


def _lines(report: Report) -> Iterator[str]:
    found = report.inspection
    yield f"{found.messages} messages, {report.partitions} partitions"
    yield f"values: {_counted(found.values)}"
    if found.schema_ids:
        yield f"schema ids: {', '.join(map(str, found.schema_ids))}"
    yield f"keys: {_counted(found.keys)}"
    if report.keys is not None:
        yield report.keys.sentence()
    if found.headers:
        yield f"headers: {_counted(found.headers)}"
    for field in found.fields:
        share = f"{field.messages}/{found.messages}"
        yield f"  {field.pointer}  {', '.join(field.types)}  in {share}"
    if report.values is not None:
        yield from _values(report.values)


def _values(seen: ValuesSeen) -> Iterator[str]:
    if seen.withheld is not None:
        yield f"values of {seen.pointer} are not shown: {seen.withheld}"
    for value, count in seen.values:
        yield f"  {seen.pointer} = {value}  {count} times"


def _counted(found: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items()) or "none"
