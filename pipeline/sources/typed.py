"""Compares JSON values with their type: true, "true" and 1 differ, although in Python 1 == True."""

from collections.abc import Mapping
from typing import Final

from pipeline.sources.numbers import number_text

UNUSABLE: Final = object()
"""Marks a value whose type cannot be an id or a text."""


def text_of(value: object) -> object:
    """The text of an id or a field: whole numbers become digits; None for no value.

    `UNUSABLE` for a fraction, a boolean, an array or an object.
    """
    if type(value) is str:
        return value or None
    return None if value is None else number_text(value) or UNUSABLE


class TypedTable:
    """A table with a result for each JSON value."""

    __slots__ = ("_flags", "_texts_and_numbers")

    def __init__(self, entries: Mapping[tuple[bool, object], object]) -> None:
        """The key of an entry is (whether the value is a boolean, the value)."""
        self._flags = {value: entry for (flag, value), entry in entries.items() if flag}
        self._texts_and_numbers = {
            value: entry for (flag, value), entry in entries.items() if not flag
        }

    def get(self, value: object) -> object:
        """The entry, or None."""
        kind = type(value)
        if kind is str or kind is int:
            return self._texts_and_numbers.get(value)
        if kind is bool:
            return self._flags.get(value)
        return self._texts_and_numbers.get(value) if kind is float else None


def typed(value: object) -> tuple[bool, object]:
    """The key of a value in a `TypedTable`."""
    return (type(value) is bool, value)


def kind_of(value: object) -> str:
    """JSON's name of the value's type, for messages that must not show the value."""
    names = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")
