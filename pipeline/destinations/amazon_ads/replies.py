"""Reads replies of the control plane, in which any field may be missing, null or of another type.

Whole numbers stay exact: an id is never read as a float.
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
    """One object of a reply. A field that is missing, null or of another type reads as None."""

    __slots__ = ("_values",)

    def __init__(self, value: object) -> None:
        self._values: dict[str, object] = value if isinstance(value, dict) else {}

    def text(self, name: str) -> str | None:
        """A text, or the digits of a number, because services write ids in both ways."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) else None

    def whole(self, name: str) -> int | None:
        """A whole number of 64 bits, also if it is quoted or has an exponent."""
        return _whole(self._values.get(name))

    def number(self, name: str) -> int | float | None:
        """An amount; an int if it is whole."""
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
    """The objects of a list; none if the value is not a list."""
    return tuple(map(Fields, value)) if isinstance(value, list) else ()


def interpreted(
    endpoint: str, response: Response, read: Callable[[object], Read | None]
) -> Read | Declined:
    """The result of `read` for the JSON of a 2xx; Declined for other answers, or if it is None.

    The specification names one status for each success, but services answer with other 2xx too.
    """
    if not 200 <= response.status < 300:
        return declined(endpoint, response)
    found = read(_document(response.body))
    if found is None:
        return Declined(response.status, detail(response.status, b""), NOT_THE_PARTNER)
    return found


def confirmed(endpoint: str, response: Response) -> Declined | None:
    """None for a success, whose body is ignored; otherwise the refusal."""
    return None if 200 <= response.status < 300 else declined(endpoint, response)


def declined(endpoint: str, response: Response) -> Declined:
    """A refusal with the partner's words and the remedy, and its wait if it asks for one."""
    wait = header(response.headers, "Retry-After")
    said = detail(response.status, response.body)
    return Declined(response.status, said, remedy(endpoint, response.status, wait))


def _document(body: bytes) -> object:
    """The JSON, with fractions and exponents as Decimal; None if it is not JSON."""
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
    # An exponent can mean more digits than fit into memory.
    elif isinstance(value, Decimal):
        is_small = value.is_finite() and value.adjusted() < 20
        value = int(value) if is_small and value == value.to_integral_value() else None
    if isinstance(value, int) and SMALLEST_LONG <= value <= LARGEST_LONG:
        return value
    return None
