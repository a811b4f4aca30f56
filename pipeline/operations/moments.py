"""Times as operators see them, and how far they look back."""

from datetime import UTC, datetime

HOUR_MS = 3_600_000


def moment(milliseconds: int) -> str:
    """A time since the epoch in UTC, to the second."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hours_before(now_ms: int, hours: float) -> int:
    """Milliseconds since the epoch, so many hours before."""
    return now_ms - round(hours * HOUR_MS)
