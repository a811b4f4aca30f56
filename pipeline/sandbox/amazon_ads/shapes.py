"""Reads JSON of a request strictly: every wrong type, length or name is refused with a 400."""

import orjson

from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.vocabulary import LARGEST_LONG


def document(body: bytes) -> object:
    """The body as JSON; integers up to 64 bits are exact."""
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "The request body is not valid JSON") from None
    return value


def fields(
    value: object, where: str, known: frozenset[str], required: frozenset[str] = frozenset()
) -> dict[str, object]:
    """An object that has all required fields and no unknown ones."""
    if not isinstance(value, dict):
        raise Refusal(400, f"{where} must be an object")
    if not value.keys() <= known:
        raise Refusal(400, f"{where} has an unrecognized field")
    missing = sorted(required - value.keys())
    if missing:
        raise Refusal(400, f"{where}.{missing[0]} is required")
    return value


def text(value: object, where: str, shortest: int = 0, longest: int | None = None) -> str:
    if not isinstance(value, str):
        raise Refusal(400, f"{where} must be a string")
    if len(value) < shortest or (longest is not None and len(value) > longest):
        raise Refusal(400, f"{where} must have {shortest} to {longest} characters")
    return value


def long(value: object, where: str) -> int:
    """A positive 64-bit integer without quotes.

    The message for a quoted one is the partner's known answer, with its capital M.
    """
    if isinstance(value, str):
        raise Refusal(400, "STRING_VALUE can not be converted to a Long", "Message")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal(400, f"{where} can not be converted to a Long", "Message")
    if not 0 < value <= LARGEST_LONG:
        raise Refusal(400, f"{where} is out of range")
    return value


def number(value: object, where: str, lowest: float, highest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(400, f"{where} must be a number")
    if not lowest <= value <= highest:
        raise Refusal(400, f"{where} must be between {lowest} and {highest}")
    return value


def choice(value: object, where: str, allowed: frozenset[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise Refusal(400, f"{where} must be one of the documented values")
    return value


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise Refusal(400, f"{where} must be true or false")
    return value


def items(value: object, where: str, fewest: int, most: int) -> list[object]:
    if not isinstance(value, list):
        raise Refusal(400, f"{where} must be a list")
    if not fewest <= len(value) <= most:
        raise Refusal(400, f"{where} must have {fewest} to {most} items")
    return value


def whole_number(raw: str | None, where: str, default: int, lowest: int, highest: int) -> int:
    """A number from a query string; 422 when it can't be used."""
    if raw is None:
        return default
    if not (raw.isascii() and raw.isdigit() and lowest <= int(raw[:12]) <= highest):
        raise Refusal(422, f"{where} must be a number from {lowest} to {highest}")
    return int(raw)
