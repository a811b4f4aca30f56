"""`sources`: shows what upstream topics hold; also writes a first configuration for a format."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import ended, fail
from pipeline.cli.options import AsJson, ConfigFile, configured
from pipeline.cli.showing import show_json
from pipeline.operations.sources.message_shapes import ValuesSeen
from pipeline.operations.sources.starting_files import write_starting_files
from pipeline.operations.sources.topic_inspection import Report, inspect
from pipeline.operations.trouble import UsageRefused

sources_app = typer.Typer(help="The topics of upstream events.", no_args_is_help=True)


def begin_with_format(name: str, file: Path) -> None:
    """Write a first configuration for a format, and a file of example events beside it."""
    try:
        written, examples = write_starting_files(name, file)
    except UsageRefused as error:
        fail(str(error), ExitCode.USAGE)
    typer.echo(f"written: {written}, {examples}")
    typer.echo(f"try: audience-pipeline test --config {written} {examples.parent}")


@sources_app.command("inspect")
def sources_inspect(
    topic: Annotated[str, typer.Argument(help="The topic; it need not be a source yet.")],
    config: ConfigFile,
    count: Annotated[
        int,
        typer.Option("--count", min=1, max=10_000, help="How many messages to read, the newest."),
    ] = 100,
    values: Annotated[
        str | None,
        typer.Option("--values", help="A JSON Pointer to a field: also show its different values."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the keys, the encoding and the fields of a topic, without personal data."""
    settings = configured(config)
    report = ended(lambda: inspect(settings, topic, count=count, pointer=values))
    if as_json:
        show_json(report)
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
