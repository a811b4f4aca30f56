"""What binary encodings give, as the JSON that the same event would have been."""

from base64 import b64encode
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID


def plain(value: object) -> object:
    """The value with times as ISO 8601, bytes as base64, decimals as numbers or text.

    Containers are changed in place, one by one and not by recursion: their depth is not ours.
    """
    box = [value]
    waiting: list[Any] = [box]
    while waiting:
        container = waiting.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for place, inner in list(pairs):
            if isinstance(inner, dict | list):
                waiting.append(inner)
            else:
                container[place] = _scalar(inner)
    return box[0]


def without(value: object, marker: str) -> object:
    """The value with every text that is the marker gone."""
    box = [value]
    waiting: list[Any] = [box]
    while waiting:
        container = waiting.pop()
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for place, inner in list(pairs):
            if isinstance(inner, dict | list):
                waiting.append(inner)
            elif inner == marker:
                container[place] = None
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
