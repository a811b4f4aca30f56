"""Turns values of binary encodings into the JSON that the same event would have."""

from base64 import b64encode
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID


def plain(value: object) -> object:
    """The value with times as ISO 8601, bytes as base64, decimals as numbers or text.

    Containers are changed in place.
    """
    return _each_replaced(value, _scalar)


def without(value: object, marker: str) -> object:
    """The value without texts that are equal to the marker."""
    return _each_replaced(value, lambda inner: None if inner == marker else inner)


def _each_replaced(value: object, replacement: Callable[[object], object]) -> object:
    """The value with every scalar replaced; no recursion, because strangers choose the depth."""
    box = [value]
    waiting: list[Any] = [box]
    while waiting:
        container = waiting.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for place, inner in list(pairs):
            if isinstance(inner, dict | list):
                waiting.append(inner)
            else:
                container[place] = replacement(inner)
    return box[0]


def _scalar(value: object) -> object:
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return b64encode(value).decode()
        case Decimal():
            return int(value) if value == value.to_integral_value() else str(value)
        case UUID():
            return str(value)
        case _:
            return value
