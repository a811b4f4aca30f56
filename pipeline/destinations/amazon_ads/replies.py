"""Replies of the control plane, read leniently: any field may be missing, null or of another type.

Whole numbers stay exact: no number of a reply goes through a float on its way to an id.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from pipeline.destinations.amazon_ads.errors import detail
from pipeline.destinations.amazon_ads.remedies import NOT_THE_PARTNER, remedy
from pipeline.destinations.control import Declined
from pipeline.destinations.exchange import Response, header
from pipeline.destinations.partner_words import scalar_text

SMALLEST_LONG, LARGEST_LONG = -(2**63), 2**63 - 1

Read = TypeVar("Read")


class Fields:
    """One object of a reply. What is not there, null or of another type reads as None."""

    __slots__ = ("_values",)

    def __init__(self, value: object) -> None:
        self._values: dict[str, object] = value if isinstance(value, dict) else {}

    def text(self, name: str) -> str | None:
        """A text; of a number its digits, because services differ in how they write an id."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """A whole number of 64 bits, also where it is quoted or written with an exponent."""
        return _whole(self._values.get(name))

    def number(self, name: str) -> int | float | None:
        """An amount: whole where it can be."""
        value = self._values.get(name)
        if isinstance(value, Decimal) and _whole(value) is None:
            return float(value)
        return None if isinstance(value, str) else _whole(value)

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        return value if isinstance(value, bool) else None

    def inner(self, name: str) -> "Fields":
        return Fields(self._values.get(name))

    def each(self, name: str) -> tuple["Fields", ...]:
        return objects(self._values.get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name)
        return tuple(map(scalar_text, value)) if isinstance(value, list) else ()


def objects(value: object) -> tuple[Fields, ...]:
    """The objects of a list; none where it is not a list."""
    return tuple(map(Fields, value)) if isinstance(value, list) else ()


def interpreted(
    endpoint: str, response: Response, read: Callable[[object], Read | None]
) -> Read | Declined:
    """What `read` makes of the JSON of a 2xx; Declined for any other answer, or if it gives None.

    The specification names one code for each success; services have been seen to answer with
    another 2xx, so all count.
    """
    if not 200 <= response.status < 300:
        return declined(endpoint, response)
    found = read(_document(response.body))
    if found is None:
        return Declined(response.status, detail(response.status, b""), NOT_THE_PARTNER)
    return found


def confirmed(endpoint: str, response: Response) -> Declined | None:
    """None for a success whose body, if any, says nothing."""
    return None if 200 <= response.status < 300 else declined(endpoint, response)


def declined(endpoint: str, response: Response) -> Declined:
    """The partner's words and the remedy; with the wait it asks for, where it does."""
    wait = header(response.headers, "Retry-After")
    said = detail(response.status, response.body)
    return Declined(response.status, said, remedy(endpoint, response.status, wait))


def _document(body: bytes) -> object:
    """The JSON, with fractions and exponents as Decimal; None where it is none."""
    try:
        said: object = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return said


def _no_number(name: str) -> None:
    raise ValueError(name)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else None
    # An exponent can stand for more digits than there is memory.
    elif isinstance(value, Decimal):
        is_small = value.is_finite() and value.adjusted() < 20
        value = int(value) if is_small and value == value.to_integral_value() else None
    if isinstance(value, int) and SMALLEST_LONG <= value <= LARGEST_LONG:
        return value
    return None
