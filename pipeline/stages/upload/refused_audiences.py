"""Audiences of one lane whose records the partner mostly refuses."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.domain.send_result import Blocked
from pipeline.stages.upload.bisector import HOPELESS_RUN

QUESTION_RECORDS = 100
"""Most records that wait for questions about all refused audiences of a lane together."""
LONGEST_REST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    cause: Blocked
    asks_at: float


class RefusedAudiences:
    """Says which audiences get no batch, and when the partner is asked again about each.

    The other audiences of the lane go on, because a fault in one says nothing about the others.
    """

    def __init__(self, *, probe_seconds: float) -> None:
        self._probe_seconds = probe_seconds
        self._refusals: dict[str, _Refusal] = {}
        self._rests_until = 0.0

    def __contains__(self, audience: object) -> bool:
        return audience in self._refusals

    def __iter__(self) -> Iterator[str]:
        """Iterate over a copy, because the caller may end refusals meanwhile."""
        return iter(tuple(self._refusals))

    def __len__(self) -> int:
        return len(self._refusals)

    @property
    def question_size(self) -> int:
        """How many records ask about one audience: fewer if many audiences are refused.

        The records that wait for questions take room that other audiences need.
        """
        return max(1, min(HOPELESS_RUN, QUESTION_RECORDS // max(1, len(self._refusals))))

    def add(self, audience: str, cause: Blocked, *, began: float, now: float) -> bool:
        """Note that most of this audience was refused now; return whether the cause is new.

        `began`: when the delivery began. The next question comes after a rest of the same length:
        it leaves the slot to other audiences for as long as this delivery had it.
        """
        before = self._refusals.get(audience)
        self._rests_until = now + min(now - began, LONGEST_REST_SECONDS)
        self._refusals[audience] = _Refusal(
            cause=cause,
            asks_at=now + self._probe_seconds,
        )
        return before is None or before.cause != cause

    def end(self, audience: str) -> None:
        """Let this audience get batches again."""
        del self._refusals[audience]

    def due(self, now: float) -> list[str]:
        """Return the audiences about which it is time to ask, the longest due first."""
        if now < self._rests_until:
            return []
        due = [(one.asks_at, name) for name, one in self._refusals.items() if one.asks_at <= now]
        return [audience for _, audience in sorted(due)]

    def due_in(self, now: float) -> float | None:
        """Return the seconds until the next audience is due; None while none is refused."""
        times = [one.asks_at for one in self._refusals.values()]
        return None if not times else max(0.0, max(min(times), self._rests_until) - now)

    @property
    def cause(self) -> Blocked | None:
        """The cause of the oldest refusal; None while no audience is refused."""
        return next((one.cause for one in self._refusals.values()), None)
