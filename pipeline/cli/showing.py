"""Prints the results of commands: tables for people, JSON for programs."""

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

import orjson
import typer
from rich.cells import cell_len

GAP = "  "


def show_json(value: object) -> None:
    """Print a value as JSON; dataclasses by their fields, whole numbers exact to 64 bits."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], nothing: str) -> None:
    """Print a line for each row; without rows print the text `nothing`.

    On a narrow terminal each row becomes a paragraph: people copy ids out of tables, so no value is
    ever broken. If the output is not a terminal, lines may be of any length.
    """
    cells = [[cell(value) for value in row] for row in rows]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table_lines(columns, cells, width) if cells else [nothing]:
        typer.echo(line)


def show_fields(columns: Sequence[str], items: Iterable[object], nothing: str) -> None:
    """Print a line for each item; `columns` are names of its fields."""
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
    """Print a line for each fact; facts without a value are left out."""
    known = {name: cell(value) for name, value in facts.items() if value not in (None, ())}
    for line in _aligned(list(known.items())):
        typer.echo(line)


def tell_unreadable(count: int) -> None:
    """If messages could not be read and were skipped, print their number on standard error."""
    if count:
        typer.echo(f"{count} messages skipped: this release does not know their version", err=True)


def cell(value: object) -> str:
    """A value on one line, without control characters: the text may come from strangers."""
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
    """Each row as a line with aligned columns; a wide character counts as two."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        GAP.join(
            text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
