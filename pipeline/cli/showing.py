"""Prints what commands found: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 400
"""Columns where the output is no terminal: nothing is folded that a program may read."""


def show_json(value: object) -> None:
    """The value as JSON; dataclasses by their fields, whole numbers exact to 64 bits."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """A line for each row, or one that says that there is nothing."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    if table.row_count == 0:
        typer.echo(nothing)
        return
    _show(table)


def show_facts(facts: Mapping[str, object]) -> None:
    """A line for each fact; those that nobody knows are left out."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in (None, ()):
            table.add_row(name, Text(cell(value)))
    _show(table)


def cell(value: object) -> str:
    """A value on one line; what a terminal would obey is left out, for others wrote it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case tuple() | list():
            return ", ".join(map(cell, value)) or "-"
        case _:
            text = " ".join(str(value).split())
            return "".join(letter for letter in text if letter.isprintable())


def moment(milliseconds: int | None) -> str | None:
    """A time as JSON and tables show it, in UTC and to the second."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _show(table: Table) -> None:
    width = None if sys.stdout.isatty() else WIDE
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())
