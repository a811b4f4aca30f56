"""When to try again: exponential backoff with full jitter, and the silence after a 429."""

from dataclasses import dataclass, field

TOGETHER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Backoff with full jitter: any delay up to a ceiling, so that clients do not move in step."""

    initial: float = 1.0
    maximum: float = 60.0

    def delay(self, attempt: int, chance: float) -> float:
        """Return the seconds to wait after `attempt` failures (from 1); `chance` in 0..1."""
        return min(self.maximum, self.initial * 2.0 ** min(attempt - 1, 30)) * chance


@dataclass(slots=True)
class Throttle:
    """How long the lanes of one client must be silent after a 429.

    The first lane that gets one waits alone. If a second lane gets one within a minute, the whole
    client is too fast, and all its lanes wait.
    """

    _told: dict[str, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)
    _all_until: float = 0.0

    def told(self, lane: str, wait: float, now: float) -> None:
        """Note that the partner asked this lane to wait `wait` seconds."""
        self._until[lane] = max(self._until.get(lane, 0.0), now + wait)
        if any(other != lane and now - at < TOGETHER_SECONDS for other, at in self._told.items()):
            self._all_until = max(self._all_until, now + wait)
        self._told[lane] = now

    def wait(self, lane: str, now: float) -> float:
        """Return for how many seconds this lane must still be silent."""
        return max(0.0, self._until.get(lane, 0.0) - now, self._all_until - now)
