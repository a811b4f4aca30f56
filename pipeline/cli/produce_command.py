"""`produce`: writes events to a source topic, as an upstream would."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from pipeline.app.exit_code import ExitCode
from pipeline.cli.ending import checked, ended, fail
from pipeline.cli.options import ConfigFile, configured
from pipeline.operations.event_reading import MEMBER_KEY, events_in
from pipeline.operations.event_writing import source_topic, write_events
from pipeline.operations.trouble import OperationFailed, refused_path


def produce(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="JSON objects, one after another; - is standard input."
        ),
    ],
    config: ConfigFile,
    topic: Annotated[
        str | None, typer.Option(help="A topic under `sources`; optional if there is only one.")
    ] = None,
    key: Annotated[
        str, typer.Option(help="The field of the member's id; it becomes the key.")
    ] = MEMBER_KEY,
) -> None:
    """Write events to a source topic, with the member's id as key, as an upstream would."""
    settings = configured(config)
    where = checked(lambda: source_topic(settings, topic))
    with _opened(file) as lines:
        count = ended(lambda: write_events(settings, where, events_in(_text(lines, file), key)))
    typer.echo(f"{count} event{'' if count == 1 else 's'} written to {where}")


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdin
        return
    try:
        lines = Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        remedy = "name a file that this user may read, or - for standard input"
        fail(str(refused_path(Path(file), error, remedy)), ExitCode.USAGE)
    with lines:
        yield lines


def _text(lines: TextIO, file: str) -> Iterator[str]:
    """Raise `OperationFailed` where the file is no text."""
    try:
        yield from lines
    except UnicodeDecodeError:  # it holds the bytes, and so a person
        raise OperationFailed(f"{file}: is not UTF-8 text; save it as UTF-8") from None
