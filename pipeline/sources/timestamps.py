"""The one parser of times: ISO 8601 with an offset, or a number of seconds or milliseconds.

It accepts the forms that databases and languages write: PostgreSQL's `+00`, Snowflake's blank
before the offset, Python's comma and times without seconds, the `UTC` of BigQuery and Trino.
"""

import re
from datetime import datetime
from typing import Final

_PLAIN_LENGTH: Final = len("2026-11-22T10:15:00Z")

# The limit is the year 5138 in seconds, and March 1973 in milliseconds; no membership changes after
# the one or before the other. Microseconds and nanoseconds would be far beyond the year 3000.
_MILLISECONDS_FROM: Final = 100_000_000_000
_MILLISECONDS_UNTIL: Final = 32_503_680_000_000  # the year 3000

_DATE: Final = r"(?:19[7-9][0-9]|2[0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_MINUTE: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_ISO_PARTS: Final = (
    rf"({_DATE})[Tt ]({_MINUTE})"
    r"(?::([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:[Zz]|UTC|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)"
)
_MOMENT: Final = re.compile(rf"{_DATE}[Tt ]{_MINUTE}:[0-5][0-9]Z")
_ISO: Final = re.compile(_ISO_PARTS)

ISO_PATTERN: Final = f"^{_ISO_PARTS}$"
"""The texts that `epoch_milliseconds` accepts, as a JSON Schema pattern.

The pattern also matches days that do not exist, and hours at the limits that are out of range in
UTC.
"""

_seconds: Final[dict[str, int]] = {}
"""A cache of texts of times: thousands of events share a second, and a time is not personal."""
_SECONDS_REMEMBERED: Final = 4_096

NUMBER_BOUNDS: Final = (
    (1, _MILLISECONDS_UNTIL // 1000),
    (_MILLISECONDS_FROM, _MILLISECONDS_UNTIL),
)
"""The first valid number and the first invalid one after it: of seconds, then of milliseconds."""


def epoch_milliseconds(value: object) -> int | None:
    """Milliseconds since the epoch, UTC, or None if `value` is not a time from 1970 to 2999.

    Text needs an offset (`Z`, `UTC`, `+01:00`, `+0100`, `+01`, with or without a blank before it),
    because without one the time would be a guess. Seconds may be absent. Fractions of up to nine
    digits after a dot or comma are cut to milliseconds. Numbers below 100 000 000 000 are seconds,
    larger ones milliseconds. Booleans and numbers in quotes are not times.

    >>> epoch_milliseconds("2026-11-22T10:15:00.916374949-07:00")
    1795367700916
    >>> epoch_milliseconds("2026-11-22 10:15+00"), epoch_milliseconds("2026-11-22 02:15:00,5 -0800")
    (1795342500000, 1795342500500)
    >>> epoch_milliseconds(1714592744.067)
    1714592744067
    >>> epoch_milliseconds("2026-11-22T10:15:00") is None
    True
    """
    if isinstance(value, str):
        known = _seconds.get(value)  # a function with a cache would cost three times as much
        return _of_text(value) if known is None else known
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _of_number(value)


def _of_text(text: str) -> int | None:
    if len(text) == _PLAIN_LENGTH and text[19] == "Z" and (second := _second(text)) is not None:
        return second
    parts = _ISO.fullmatch(text)
    return None if parts is None else _of_parts(parts)


def _of_number(number: float) -> int | None:
    for unit, (first, end) in zip((1000, 1), NUMBER_BOUNDS, strict=True):
        if first <= number < end:
            return int(number) if unit == 1 else round(number * unit)
    return None


def _second(text: str) -> int | None:
    known = _seconds.get(text)
    if known is not None:
        return known
    if _MOMENT.fullmatch(text) is None:
        return None
    try:
        milliseconds = int(datetime.fromisoformat(f"{text[:10]}T{text[11:19]}Z").timestamp()) * 1000
    except ValueError:
        return None
    if len(_seconds) >= _SECONDS_REMEMBERED:
        _seconds.clear()
    _seconds[text] = milliseconds
    return milliseconds


def _of_parts(parts: re.Match[str]) -> int | None:
    date, minute, second, fraction, sign, hours, minutes = parts.groups()
    milliseconds = _second(f"{date}T{minute}:{second or '00'}Z")
    if milliseconds is None:
        return None
    milliseconds += int((fraction or "").ljust(3, "0")[:3])
    if sign is not None:
        ahead = (int(hours) * 60 + int(minutes or 0)) * 60_000
        milliseconds += -ahead if sign == "+" else ahead
    # East of Greenwich, 1970 begins before the epoch, and later code cannot store negative times.
    return milliseconds if 0 <= milliseconds < _MILLISECONDS_UNTIL else None
