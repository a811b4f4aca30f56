"""`config init` for a format of events, and `sources`: what stands in upstream topics."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.operations.sources.starting_files import (
    FileExists,
    UnknownFormat,
    formats,
    write_starting_files,
)


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
