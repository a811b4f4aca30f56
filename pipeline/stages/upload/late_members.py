"""Members of unanswered requests, for which nothing newer may go out for a while."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from pipeline.stages.upload.batching import LaneQueue, QueuedRecord


class _Cooling(NamedTuple):
    ends_at: float
    end: Callable[[], None]


class LateMembers:
    """A request without an answer may still be at work, for `late_seconds` after it was sent.

    A newer change of its members could be overtaken by it, so they stay in flight until then.
    """

    def __init__(
        self,
        *,
        queue: LaneQueue,
        late_seconds: float,
        clock: Callable[[], float],
        take_back: Callable[[Sequence[QueuedRecord]], None],
    ) -> None:
        """`take_back`: lets records that have no end wait again."""
        self._queue = queue
        self._late_seconds = late_seconds
        self._clock = clock
        self._take_back = take_back
        self._in_doubt_at: float | None = None
        self._cooling: list[_Cooling] = []

    def note(self) -> None:
        """A request has been given up without an answer, by us or by a former owner."""
        self._in_doubt_at = self._clock()

    def left(self) -> float:
        """Seconds until an unanswered request can no longer be applied; 0 or less: none can."""
        if self._in_doubt_at is None:
            return 0.0
        return self._in_doubt_at + self._late_seconds - self._clock()

    def release(
        self, audience: str, records: Sequence[QueuedRecord], *, was_in_doubt: bool
    ) -> None:
        """These have their end: newer changes may go, now or once it is safe."""
        self._once_safe(partial(self._queue.settled, records, audience), was_in_doubt)

    def give_back(self, records: Sequence[QueuedRecord], *, was_in_doubt: bool) -> None:
        """These have no end and are in no delivery any more: they wait, now or once it is safe."""
        if records:
            self._once_safe(partial(self._take_back, records), was_in_doubt)

    def cool_down(self) -> float | None:
        """Let go of members whose time has come; seconds until the next ones, None without any."""
        now = self._clock()
        for due in [one for one in self._cooling if one.ends_at <= now]:
            self._cooling.remove(due)
            due.end()
        return (
            min((one.ends_at for one in self._cooling), default=now) - now
            if self._cooling
            else None
        )

    def forget(self) -> None:
        """The lane has let go of everything that waited."""
        self._cooling.clear()

    def _once_safe(self, end: Callable[[], None], was_in_doubt: bool) -> None:
        if was_in_doubt and (left := self.left()) > 0:
            self._cooling.append(_Cooling(self._clock() + left, end))
        else:
            end()
