"""Reads times as upstreams write them, for the one parser of times."""

from collections.abc import Callable, Sequence
from typing import Final

from pipeline.sources.expression_settings import TimeExpression
from pipeline.sources.expressions import evaluator
from pipeline.sources.scope import Scope
from pipeline.sources.timestamps import epoch_milliseconds
from pipeline.sources.typed import UNUSABLE

Instant = Callable[[Scope], int | None]
"""Gives milliseconds since the epoch, -1 for a value that is no time, or None for no value."""

NO_TIME: Final = -1
_EARLIEST_MS: Final = 100_000_000_000
"""March 1973; the parser reads smaller numbers as seconds."""
_MOST_DIGITS: Final = 20
_IN_MILLISECOND: Final = {
    "seconds": 0.001,
    "milliseconds": 1,
    "microseconds": 1_000,
    "nanoseconds": 1_000_000,
}


def instant(alternatives: Sequence[TimeExpression]) -> Instant:
    """A function that gives the time of the first expression with a value."""
    made = [_instant(one) for one in alternatives]
    if len(made) == 1:
        return made[0]

    def first(scope: Scope) -> int | None:
        for one in made:
            found = one(scope)
            if found is not None:
                return found
        return None

    return first


def milliseconds(value: object) -> int | None:
    """A time of a built-in format: ISO 8601, or seconds or milliseconds."""
    if value is None or value == "":
        return None
    found = epoch_milliseconds(value)
    return NO_TIME if found is None else found


def _instant(expression: TimeExpression) -> Instant:
    evaluate = evaluator([expression])
    unit = expression.unit
    zone = {None: "", "UTC": "Z"}.get(expression.zone, expression.zone)
    if unit is None and not zone:
        return lambda scope: milliseconds(evaluate(scope))

    def read(scope: Scope) -> int | None:
        value = evaluate(scope)
        if unit is not None:
            value = _in_unit(value, unit)
        found = milliseconds(value)
        if found == NO_TIME and zone and isinstance(value, str):
            return milliseconds(value + zone)
        return found

    return read


def _in_unit(value: object, unit: str) -> object:
    """The number in milliseconds; a value that is neither a number nor digits stays unchanged."""
    if isinstance(value, str):
        number = _number(value)
        if number is None:
            return value
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    per = _IN_MILLISECOND[unit]
    whole = value * 1_000 if per < 1 else value // per
    # The parser would read smaller numbers as seconds; a NaN fails this comparison too.
    return int(whole) if _EARLIEST_MS <= whole < float("inf") else UNUSABLE


def _number(text: str) -> int | float | None:
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (whole.isascii() and digits.isdecimal() and digits.isascii()):
        return None
    if len(digits) > _MOST_DIGITS:
        return None
    return float(text) if fraction else int(whole)
