"""Prints what commands found: tables for people, JSON for programs."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

import orjson
import typer
from rich.cells import cell_len

GAP = "  "


def show_json(value: object) -> None:
    """The value as JSON; dataclasses by their fields, whole numbers exact to 64 bits."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """A line for each row, or one that says that there is nothing.

    On a terminal that is too narrow for the lines each row is a paragraph: nothing is ever cut
    into pieces, for ids are copied out of tables. Where the output is no terminal a line is as
    long as it needs to be.
    """
    cells = [[cell(value) for value in row] for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table_lines(columns, cells, width) if cells else [nothing]:
        typer.echo(line)


def show_fields(columns: Sequence[str], items: Iterable[object], nothing: str) -> None:
    """A line for each item, its fields of these names in the columns."""
    show_table(columns, ([getattr(item, column) for column in columns] for item in items), nothing)


def table_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None
) -> Sequence[str]:
    """A heading and a line for each row; paragraphs where a line would be wider than `width`."""
    lines = _aligned([columns, *rows])
    if width is None or all(cell_len(line) <= width for line in lines):
        return lines
    paragraphs = [_aligned(list(zip(columns, row, strict=True))) for row in rows]
    return [line for paragraph in paragraphs for line in (*paragraph, "")][:-1]


def show_facts(facts: Mapping[str, object]) -> None:
    """A line for each fact; those that nobody knows are left out."""
    known = {name: cell(value) for name, value in facts.items() if value not in (None, ())}
    for line in _aligned(list(known.items())):
        typer.echo(line)


def tell_unreadable(count: int) -> None:
    """Say on standard error that the topics had messages that were passed over, if they had."""
    if count:
        typer.echo(f"{count} messages are of a version unknown here", err=True)


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
            text = "".join(one for one in str(value) if one.isprintable() or one.isspace())
            return " ".join(text.split())


def _aligned(rows: Sequence[Sequence[str]]) -> Sequence[str]:
    """Each row on a line, its columns under each other; widths as a terminal counts them."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(
            text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
