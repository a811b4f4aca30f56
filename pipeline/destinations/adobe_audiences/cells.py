"""Writes the cells of a file as exact CSV text; later code only joins them.

Adobe does not say which dialect of CSV it reads. So texts are always quoted, and characters that
two dialects read differently (quotes, backslashes, line breaks, control characters) become U+FFFD,
which a reader can count. Numbers, dates and booleans are checked and not quoted; an empty cell is
null.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from math import isfinite
from types import MappingProxyType
from typing import Final, TypeAlias

from pipeline.destinations.adobe_audiences.targets import ColumnType
from pipeline.destinations.snapshots import REPLACED
from pipeline.identity.match_keys import plain_data_in

Value: TypeAlias = str | int | float | bool

_IN_NO_TEXT: Final = re.compile('[\\x00-\\x1f\\x7f-\\x9f"\\\\\u2028\u2029\ud800-\udfff]')
_UNSEEN: Final = re.compile("[\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff]")
"""Invisible characters, such as a byte order mark: some readers drop them, some do not."""
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that begin a formula in a spreadsheet, in both widths."""
_is_number: Final = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
).fullmatch
_is_whole: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})").fullmatch
_is_date: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_LONG: Final = 2**63
_INTEGER: Final = 2**31


class NoSuchCell(ValueError):
    """A value does not fit its column; the message does not quote the value."""


def cell(kind: ColumnType, value: Value | None) -> str:
    """The text of one cell.

    Raises:
        NoSuchCell: the value does not have this type.

    >>> cell("string", "gold"), cell("number", -2.5), cell("boolean", True), cell("date", None)
    ('"gold"', '-2.5', 'true', '')
    """
    return "" if value is None else _WRITERS[kind](value)


def quoted(text: str) -> str:
    """A quoted text, without characters that dialects read differently."""
    clean = _IN_NO_TEXT.sub(REPLACED, text)
    return f'"\'{clean}"' if clean.startswith(_FORMULA) else f'"{clean}"'


def is_safe(identity: str) -> bool:
    """Whether an identity can be quoted unchanged; identities are never altered."""
    return (
        0 < len(identity) <= LONGEST_IDENTITY
        and identity == identity.strip()
        and _IN_NO_TEXT.search(identity) is None
        and _UNSEEN.search(identity) is None
        and not identity.startswith(_FORMULA)
    )


LONGEST_IDENTITY: Final = 512
"""The most characters of an identity; more than any namespace needs."""


def _string(value: Value) -> str:
    if isinstance(value, bool):
        return quoted(str(value).lower())
    text = value if isinstance(value, str) else str(value)
    plain = plain_data_in(text)
    if plain is not None:
        raise NoSuchCell(f"holds {plain}, and plain personal data never leaves ingest")
    return quoted(text)


def _number(value: Value) -> str:
    if isinstance(value, str) and _is_number(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
        return str(value)
    raise NoSuchCell("is no number")


def _is_finite(value: float) -> bool:
    # An integer may be larger than any float.
    return isinstance(value, int) or isfinite(value)


def _whole(most: int, name: str) -> Callable[[Value], str]:
    def write(value: Value) -> str:
        if isinstance(value, float) and isfinite(value) and value.is_integer():
            value = int(value)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, str) and _is_whole(value):
            value, is_whole = int(value), True
        if is_whole and -most <= int(value) < most:
            return str(int(value))
        raise NoSuchCell(f"is no {name}")

    return write


def _date(value: Value) -> str:
    if isinstance(value, str) and _is_date(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise NoSuchCell("is no date such as 2025-05-13")


def _datetime(value: Value) -> str:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment.isoformat(timespec="seconds")
    raise NoSuchCell("is no time with its offset, such as 2025-05-23T20:19:00+00:00")


def _boolean(value: Value) -> str:
    text = value.lower() if isinstance(value, str) else value
    if text is True or text == "true":
        return "true"
    if text is False or text == "false":
        return "false"
    raise NoSuchCell("is neither true nor false")


_WRITERS: Final[Mapping[ColumnType, Callable[[Value], str]]] = MappingProxyType(
    {
        "string": _string,
        "number": _number,
        "long": _whole(_LONG, "whole number of 64 bits"),
        "integer": _whole(_INTEGER, "whole number of 32 bits"),
        "date": _date,
        "datetime": _datetime,
        "boolean": _boolean,
    }
)
