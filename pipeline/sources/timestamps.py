"""The one parser of times: ISO 8601 with an offset, or a number of seconds or milliseconds."""

import re
from datetime import datetime
from typing import Final

_PLAIN_LENGTH: Final = len("2026-11-22T10:15:00Z")

# As seconds the limit is the year 5138, as milliseconds it is March 1973; no membership changed
# before one or changes after the other. Microseconds and nanoseconds lie beyond the second limit.
_MILLISECONDS_FROM: Final = 100_000_000_000
_MILLISECONDS_UNTIL: Final = 100_000_000_000_000

_MOMENT_PARTS: Final = (
    r"(?:19[7-9][0-9]|2[0-9]{3})-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
)
_ISO_PARTS: Final = (
    rf"({_MOMENT_PARTS})"
    r"(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])((?:0[0-9]|1[0-9]|2[0-3])):?([0-5][0-9]))"
)
_MOMENT: Final = re.compile(rf"{_MOMENT_PARTS}Z")
_ISO: Final = re.compile(_ISO_PARTS)

ISO_PATTERN: Final = f"^{_ISO_PARTS}$"
"""What `epoch_milliseconds` takes as text, as a JSON Schema pattern; days a month lacks aside."""

_seconds: Final[dict[str, int]] = {}
"""Times as written: thousands of events share a second, and a time is nobody's data."""
_SECONDS_REMEMBERED: Final = 4_096

NUMBER_BOUNDS: Final = (1, _MILLISECONDS_UNTIL)
"""The smallest number that is a time, and the first that is none any more."""


def epoch_milliseconds(value: object) -> int | None:
    """Milliseconds since the epoch, UTC, or None if `value` states no instant.

    Text needs its offset (`Z`, `+01:00`, `+0100`): a time without one is a guess. Its year is from
    1970 to 2999; fractions of up to nine digits are cut to milliseconds. Numbers below
    100 000 000 000 are seconds, up to a thousand times that milliseconds. Booleans and numbers in
    quotes are no times.

    >>> epoch_milliseconds("2026-11-22T10:15:00.916374949-07:00")
    1795367700916
    >>> epoch_milliseconds(1714592744.067)
    1714592744067
    >>> epoch_milliseconds("2026-11-22T10:15:00") is None
    True
    """
    if isinstance(value, str):
        known = _seconds.get(value)  # no function with a cache: asking it costs three times this
        return _of_text(value) if known is None else known
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _of_number(value)


def _of_text(text: str) -> int | None:
    if len(text) == _PLAIN_LENGTH and text[19] == "Z":
        return _second(text)
    parts = _ISO.fullmatch(text)
    return None if parts is None else _of_parts(parts)


def _of_number(number: float) -> int | None:
    first, end = NUMBER_BOUNDS
    if not first <= number < end:
        return None
    return int(number) if number >= _MILLISECONDS_FROM else round(number * 1000)


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
    if milliseconds < 0:
        return None
    if len(_seconds) >= _SECONDS_REMEMBERED:
        _seconds.clear()
    _seconds[text] = milliseconds
    return milliseconds


def _of_parts(parts: re.Match[str]) -> int | None:
    moment, fraction, sign, hours, minutes = parts.groups()
    milliseconds = _second(f"{moment}Z")
    if milliseconds is None:
        return None
    milliseconds += int((fraction or "").ljust(3, "0")[:3])
    ahead = (int(hours) * 60 + int(minutes)) * 60_000 if sign else 0
    return milliseconds - ahead if sign == "+" else milliseconds + ahead
