"""Formats times for operators, and computes how far back they look."""

from datetime import UTC, datetime

HOUR_MS = 3_600_000
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The first and last time that a `datetime` can hold: the years 1 to 9999."""


def moment(milliseconds: int) -> str:
    """A time since the epoch as UTC text, to the second; at most the year 9999."""
    second = min(_LAST_SECOND, max(_FIRST_SECOND, milliseconds // 1000))
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours_before(now_ms: int, hours: float) -> int:
    """The time this many hours before `now_ms`, milliseconds since the epoch."""
    return now_ms - round(hours * HOUR_MS)
