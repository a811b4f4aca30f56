"""Whole numbers where text is meant: ids, phones and postal codes out of numeric columns."""

from typing import Final

_EXACT: Final = 2.0**53
"""Beyond it a floating number no longer says which whole number it was."""


def number_text(value: object) -> str:
    """A whole number as the text it says; "" for anything else, fractions and booleans included.

    A number written as `7.0` is 7, as JSON has it; one that is too large to be read exactly is
    no number of anything.

    >>> number_text(379909525712777677), number_text(12065550100.0)
    ('379909525712777677', '12065550100')
    >>> number_text(7.5), number_text(True), number_text(1e22), number_text("7")
    ('', '', '', '')
    """
    if type(value) is int:
        return str(value)
    if type(value) is float and value.is_integer() and abs(value) <= _EXACT:
        return str(int(value))
    return ""
