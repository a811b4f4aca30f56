"""Prints the result of a command: all of it as JSON, or as texts, facts and tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import typer

from pipeline.cli.showing import cell, show_facts, show_json, show_table
from pipeline.destinations.control import Block, Listing, Table


def show_found(
    found: object, shown: Callable[[Any], Sequence[Block]] | None, *, as_json: bool
) -> None:
    """Print the result on standard output; a caveat, if it is incomplete, on standard error."""
    if isinstance(found, Listing) and found.caveat is not None:
        typer.echo(found.caveat, err=True)
    if as_json:
        show_json(found.items if isinstance(found, Listing) else found)
    else:
        show_blocks(shown(found) if shown is not None else _every_field(found))


def show_blocks(blocks: Sequence[Block]) -> None:
    """Print each block: a text as one line, a mapping as facts, a table as a table."""
    for block in blocks:
        match block:
            case str():
                typer.echo(" " * (len(block) - len(block.lstrip(" "))) + cell(block))
            case Table(columns, rows, nothing):
                show_table(columns, rows, nothing)
            case Mapping():
                show_facts(block)


def _every_field(found: object) -> Sequence[Block]:
    if isinstance(found, Listing):
        if not found.items:
            return ["nothing"]
        names = [one.name for one in fields(found.items[0])]
        return [Table(names, [_values(one) for one in found.items], "nothing")]
    return [dict(zip(_names(found), _values(found), strict=True))]


def _names(found: object) -> Sequence[str]:
    assert is_dataclass(found)
    return [one.name for one in fields(found)]


def _values(found: object) -> Sequence[object]:
    return [getattr(found, name) for name in _names(found)]
