"""Keeps newer changes of a member back while the partner may still apply an older request."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from pipeline.stages.upload.batching import LaneQueue, QueuedRecord


class _Cooling(NamedTuple):
    ends_at: float
    end: Callable[[], None]


class LateMembers:
    """Keeps the members of a request without an answer in flight for a while.

    The partner may apply such a request until `late_seconds` after it was sent, and the request
    must not overtake a newer change of the same member.
    """

    def __init__(
        self,
        *,
        queue: LaneQueue,
        late_seconds: float,
        clock: Callable[[], float],
        take_back: Callable[[Sequence[QueuedRecord]], None],
    ) -> None:
        """`take_back` puts records that are not settled back into the queue."""
        self._queue = queue
        self._late_seconds = late_seconds
        self._clock = clock
        self._take_back = take_back
        self._in_doubt_at: float | None = None
        self._cooling: list[_Cooling] = []

    def note(self) -> None:
        """Note that a request was given up without an answer, by us or by a former owner."""
        self._in_doubt_at = self._clock()

    def left(self) -> float:
        """Return the seconds until no unanswered request can be applied; 0 or less if none can."""
        if self._in_doubt_at is None:
            return 0.0
        return self._in_doubt_at + self._late_seconds - self._clock()

    def release(
        self, audience: str, records: Sequence[QueuedRecord], *, was_in_doubt: bool
    ) -> None:
        """Let newer changes of settled records go, now or once it is safe."""
        self._once_safe(partial(self._queue.settled, records, audience), was_in_doubt)

    def give_back(self, records: Sequence[QueuedRecord], *, was_in_doubt: bool) -> None:
        """Take back what a stopped delivery has not settled, now or once it is safe."""
        if records:
            self._once_safe(partial(self._take_back, records), was_in_doubt)

    def cool_down(self) -> float | None:
        """End each wait that is over; return the seconds until the next end, None without any."""
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
        """Forget the members, because the lane has emptied its queue."""
        self._cooling.clear()

    def _once_safe(self, end: Callable[[], None], was_in_doubt: bool) -> None:
        if was_in_doubt and (left := self.left()) > 0:
            self._cooling.append(_Cooling(self._clock() + left, end))
        else:
            end()
