"""`produce`: writes events to a source topic, as an upstream would."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from pipeline.cli.ending import checked, ended, fail
from pipeline.cli.options import ConfigFile, configured
from pipeline.operations.event_reading import MEMBER_KEY, events_in
from pipeline.operations.event_writing import source_topic, write_events


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
        count = ended(lambda: write_events(settings, where, events_in(lines, key)))
    typer.echo(f"{count} event{'' if count == 1 else 's'} written to {where}")


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdin
        return
    try:
        lines = Path(file).open(encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        fail(f"{file}: {(error.strerror or 'cannot be read').lower()}")
    with lines:
        yield lines
