"""What stops the snapshots of an audience, and when to try again."""

from collections.abc import Callable

import structlog

from pipeline.stages.retry import Backoff
from pipeline.stages.snapshot.states import ABSENT_SECONDS

BACKOFF = Backoff(initial=5.0, maximum=300.0)
LEAST_SECONDS = 1.0
SPENT = "all runs of the day are used"
IN_DOUBT = "nobody knows whether a run was started"
FIRST_BLOCKED_SECONDS, LONGEST_BLOCKED_SECONDS = ABSENT_SECONDS, 3600.0
"""A blocked audience tries again at these intervals; an operator's request does not wait.

The first interval is long enough for a run to appear in the partner's list: the partner may have
started a run although it refused it.
"""
DOUBLINGS = 6

log = structlog.get_logger(__name__)


class AudienceCondition:
    """The last trouble of one audience. Times in milliseconds since the epoch."""

    def __init__(
        self, destination: str, name: str, wall_ms: Callable[[], int], chance: Callable[[], float]
    ) -> None:
        self._destination = destination
        self._name = name
        self._wall_ms = wall_ms
        self._chance = chance
        self._failures = 0
        self.cause: str | None = None
        """The cause in a word; None while nothing is wrong."""
        self.detail = ""
        self.is_blocked = False
        """A person must mend something first."""
        self.retry_at_ms = 0

    def fine(self) -> None:
        """Forget the trouble: the step that failed before has worked."""
        self._failures = 0
        self.cause, self.detail, self.is_blocked, self.retry_at_ms = None, "", False, 0

    def wait(self, cause: str, detail: str, seconds: float) -> None:
        """Wait so many seconds, though nothing is wrong; then look again."""
        self.cause, self.detail, self.is_blocked = cause, detail, False
        self.retry_at_ms = self._wall_ms() + int(seconds * 1000)

    def failed(self, cause: str, detail: str) -> None:
        """Note a failure; the wait before the next try grows with each one."""
        self._failures += 1
        seconds = BACKOFF.delay(self._failures, self._chance())
        self._note(cause, detail, max(LEAST_SECONDS, seconds), is_blocked=False)

    def block(self, cause: str, detail: str) -> None:
        """Note a trouble that only a person can mend; still look again now and then.

        The first look comes soon, because the partner's answer may have been a passing fault.
        """
        growth = 2 ** min(self._failures, DOUBLINGS)
        self._failures += 1
        seconds = min(LONGEST_BLOCKED_SECONDS, FIRST_BLOCKED_SECONDS * growth)
        self._note(cause, detail, seconds, is_blocked=True)

    def left(self) -> float:
        """Seconds until the next try."""
        return max(0.0, (self.retry_at_ms - self._wall_ms()) / 1000)

    def _note(self, cause: str, detail: str, seconds: float, *, is_blocked: bool) -> None:
        is_new = (self.cause, self.detail) != (cause, detail)
        self.cause, self.detail, self.is_blocked = cause, detail, is_blocked
        self.retry_at_ms = self._wall_ms() + int(seconds * 1000)
        if is_new:
            log.warning(
                "snapshot waits",
                destination=self._destination,
                audience=self._name,
                cause=cause,
                detail=detail,
                blocked=is_blocked,
            )


def worn_out(runs: int) -> tuple[str, str]:
    """Cause and detail of an audience that has used all the runs of its life."""
    return "worn_out", f"{runs} runs: snapshot.runs_per_audience_total allows no more"
