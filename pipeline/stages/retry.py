"""When to try again: exponential backoff with full jitter, and how long a client is silent."""

from dataclasses import dataclass, field

TOGETHER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Full jitter: every delay up to the ceiling is as likely, or clients would march in step."""

    initial: float = 1.0
    maximum: float = 60.0

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds before the next try, after `attempt` (from 1) failed ones; `chance` in 0..1."""
        return min(self.maximum, self.initial * 2.0 ** min(attempt - 1, 30)) * chance


@dataclass(slots=True)
class Throttle:
    """How long one client's lanes must be silent after 429.

    One lane that is told waits alone; when a second one is told within a minute it is the client
    that is too fast, and every lane of it waits.
    """

    _told: dict[str, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)
    _all_until: float = 0.0

    def told(self, lane: str, wait: float, now: float) -> None:
        """Take note that the partner asked this lane to wait so many seconds."""
        self._until[lane] = max(self._until.get(lane, 0.0), now + wait)
        if any(other != lane and now - at < TOGETHER_SECONDS for other, at in self._told.items()):
            self._all_until = max(self._all_until, now + wait)
        self._told[lane] = now

    def wait(self, lane: str, now: float) -> float:
        """Seconds for which this lane must still be silent."""
        return max(0.0, self._until.get(lane, 0.0) - now, self._all_until - now)
