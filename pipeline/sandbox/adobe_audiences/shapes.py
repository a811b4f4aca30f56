"""Reads JSON of a request strictly: every wrong type or name is refused with a 400."""

import orjson

from pipeline.sandbox.adobe_audiences.answers import malformed


def document(body: bytes) -> object:
    try:
        value: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise malformed("the request body is not valid JSON") from None
    return value


def fields(
    value: object, where: str, known: frozenset[str], required: frozenset[str] = frozenset()
) -> dict[str, object]:
    """An object that has all required fields and no unknown ones."""
    if not isinstance(value, dict):
        raise malformed(f"{where} must be an object")
    unknown = sorted(value.keys() - known)
    if unknown:
        raise malformed(f"{where} has the unknown field {unknown[0]}")
    missing = sorted(required - value.keys())
    if missing:
        raise malformed(f"{where}.{missing[0]} is required")
    return value


def text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise malformed(f"{where} must be a string that is not empty")
    return value


def texts(value: object, where: str) -> list[str]:
    return [text(one, where) for one in items(value, where, 0, 1_000)]


def items(value: object, where: str, fewest: int, most: int) -> list[object]:
    if not isinstance(value, list):
        raise malformed(f"{where} must be a list")
    if not fewest <= len(value) <= most:
        raise malformed(f"{where} must have {fewest} to {most} items")
    return value


def choice(value: object, where: str, allowed: frozenset[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise malformed(f"{where} must be one of {', '.join(sorted(allowed))}")
    return value


def flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise malformed(f"{where} must be true or false")
    return value


def whole(value: object, where: str, lowest: int, highest: int) -> int:
    """A whole number, also in quotes, because the partner's own example has quotes."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed(f"{where} must be a whole number")
    if not lowest <= value <= highest:
        raise malformed(f"{where} must be from {lowest} to {highest}")
    return value
