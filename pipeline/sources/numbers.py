"""Turns whole numbers into text: ids, phones and postal codes from numeric columns."""

from typing import Final

_EXACT: Final = 2.0**53
"""The largest float that is an exact whole number."""


def number_text(value: object) -> str:
    """A whole number as text; "" for any other value, also for fractions and booleans.

    `7.0` counts as 7, as in JSON. A float that is too large to be exact gives "".

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
