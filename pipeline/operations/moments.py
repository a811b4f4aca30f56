"""Times as operators see them, and how far they look back."""

from datetime import UTC, datetime

HOUR_MS = 3_600_000
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""Of the years 1 to 9999, which is all that a calendar has."""


def moment(milliseconds: int) -> str:
    """A time since the epoch in UTC, to the second; the nearest one that a calendar has."""
    second = min(_LAST_SECOND, max(_FIRST_SECOND, milliseconds // 1000))
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours_before(now_ms: int, hours: float) -> int:
    """Milliseconds since the epoch, so many hours before."""
    return now_ms - round(hours * HOUR_MS)
