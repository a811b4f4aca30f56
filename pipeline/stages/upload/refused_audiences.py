"""Audiences of one lane of which the partner refuses most of the records."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.domain.send_result import Blocked
from pipeline.stages.upload.bisector import HOPELESS_RUN

QUESTION_RECORDS = 100
"""So many records at most wait for questions, of all refused audiences of a lane; one of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    cause: Blocked
    asks_at: float


class RefusedAudiences:
    """Says which audiences get no batch, and when the partner is asked again about each.

    The others of the lane go on: what is wrong with one audience says nothing of them.
    """

    def __init__(self, *, probe_seconds: float) -> None:
        self._probe_seconds = probe_seconds
        self._refusals: dict[str, _Refusal] = {}

    def __contains__(self, audience: object) -> bool:
        return audience in self._refusals

    def __iter__(self) -> Iterator[str]:
        """Over a copy: who goes through them may end some."""
        return iter(tuple(self._refusals))

    def __len__(self) -> int:
        return len(self._refusals)

    @property
    def question_size(self) -> int:
        """With how many records to ask about one; the more are refused, the fewer.

        What waits for the questions takes room that others need.
        """
        return max(1, min(HOPELESS_RUN, QUESTION_RECORDS // max(1, len(self._refusals))))

    def add(self, audience: str, cause: Blocked, *, now: float) -> bool:
        """Most of this audience was refused now; returns whether that is news."""
        before = self._refusals.get(audience)
        self._refusals[audience] = _Refusal(
            cause=cause,
            asks_at=now + self._probe_seconds,
        )
        return before is None or before.cause != cause

    def end(self, audience: str) -> None:
        """Batches of this audience are sent again."""
        del self._refusals[audience]

    def due(self, now: float) -> list[str]:
        """Audiences about which it is time to ask; first the one that waits longest for it."""
        due = [(one.asks_at, name) for name, one in self._refusals.items() if one.asks_at <= now]
        return [audience for _, audience in sorted(due)]

    def due_in(self, now: float) -> float | None:
        """Seconds until it is time to ask about one; None while none is refused."""
        times = [one.asks_at for one in self._refusals.values()]
        return None if not times else max(0.0, min(times) - now)

    @property
    def cause(self) -> Blocked | None:
        """Why the one is refused that has been for the longest time; None while none is."""
        return next((one.cause for one in self._refusals.values()), None)
