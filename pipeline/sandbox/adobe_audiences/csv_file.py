"""Reads CSV files strictly: text that two readers could read differently is an error."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from io import StringIO
from typing import Final

from pipeline.sandbox.adobe_audiences.definitions import Definition
from pipeline.sandbox.adobe_audiences.namespaces import is_identity

_AMBIGUOUS: Final = re.compile(r'["\\\x00-\x1f\x7f]')
"""Characters that no cell may have: the dialect is not documented, and some use backslashes."""
_BOM: Final = b"\xef\xbb\xbf"


class BadFile(Exception):
    """The file cannot be ingested; the message has the reason, but quotes no cell."""


def read_rows(raw: bytes, definition: Definition, largest: int) -> Mapping[str, Sequence[str]]:
    """The cells of each row, by its identity; the last row of an identity counts.

    A single row of empty cells means an empty audience.

    Raises:
        BadFile: a rule of the format is broken.
    """
    lines = _cells(_text(raw, largest))
    if next(lines, None) != list(definition.header):
        raise BadFile("its header is not the fields of the audience")
    rows = list(lines)
    if not rows:
        raise BadFile("it has no row")
    if len(rows) == 1 and rows[0] == [""] * len(definition.fields):
        return {}
    for number, row in enumerate(rows, start=1):
        _check(row, definition, number)
    return {row[definition.identity]: row for row in rows}


def _text(raw: bytes, largest: int) -> str:
    if len(raw) > largest:
        raise BadFile(f"it has {len(raw):,} bytes, more than {largest:,}")
    if raw.startswith(_BOM):
        raise BadFile("it begins with a byte order mark")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadFile("it is not UTF-8") from None
    if not text.endswith("\n"):
        raise BadFile("its last line has no end")
    return text


def _cells(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise BadFile(f"it is no CSV: {error}") from None


def _check(row: Sequence[str], definition: Definition, number: int) -> None:
    if len(row) != len(definition.fields):
        raise BadFile(f"row {number} has {len(row)} cells, not {len(definition.fields)}")
    for one, cell in zip(definition.fields, row, strict=True):
        if _AMBIGUOUS.search(cell):
            raise BadFile(f"row {number}: {one.name} has a quote, a backslash or a control sign")
        if cell and not _is_of_type(one.type, cell):
            raise BadFile(f"row {number}: {one.name} is no {one.type}")
        if one.namespace is not None and not is_identity(one.namespace, cell):
            raise BadFile(f"row {number}: {one.name} is no identity of {one.namespace}")


def _is_of_type(kind: str, cell: str) -> bool:
    parse = _PARSERS.get(kind)
    if parse is None:
        return True
    try:
        parse(cell)
    except ValueError:
        return False
    return True


def _boolean(cell: str) -> None:
    if cell not in ("true", "false"):
        raise ValueError(cell)


def _whole(cell: str) -> None:
    if not -(2**63) <= int(cell) < 2**63 or not re.fullmatch(r"-?\d+", cell):
        raise ValueError(cell)


def _moment(cell: str) -> None:
    if datetime.fromisoformat(cell).tzinfo is None:
        raise ValueError(cell)


_PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "number": float,
    "long": _whole,
    "integer": _whole,
    "date": date.fromisoformat,
    "datetime": _moment,
    "boolean": _boolean,
}
