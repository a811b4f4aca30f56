"""`config`: prints the schema of the file, and writes a first file."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.ending import checked
from pipeline.cli.showing import show_json
from pipeline.cli.source_commands import begin_with_format
from pipeline.configuration.schema import schema
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.sources.starting_files import formats, write_new
from pipeline.operations.starting_configuration import kinds, starting_configuration
from pipeline.sources.native_schema import EVENT_SCHEMA

config_app = typer.Typer(help="About the configuration file.", no_args_is_help=True)


@config_app.command("schema")
def config_schema(
    event: Annotated[
        bool, typer.Option("--event", help="The schema of the native event instead.")
    ] = False,
) -> None:
    """Print a JSON Schema: of the configuration file, or of the native event."""
    show_json(EVENT_SCHEMA if event else schema(PARTNERS))


@config_app.command("init")
def config_init(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; without it: standard output.")
    ] = None,
    kind: Annotated[str, typer.Option(help=f"The partner: {', '.join(kinds())}.")] = kinds()[0],
    source_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Read events of this format, and write a second file with example events: "
            f"{', '.join(formats())}.",
        ),
    ] = None,
) -> None:
    """Write a first configuration with comments; an existing file is never overwritten."""
    if source_format is not None:
        begin_with_format(source_format, file or Path("pipeline.yaml"))
        return
    text = checked(lambda: starting_configuration(kind))
    if file is None:
        typer.echo(text, nl=False)
        return
    checked(lambda: write_new(file, text))
    typer.echo(f"written: {file}; see `audience-pipeline check --config {shlex.quote(str(file))}`")
