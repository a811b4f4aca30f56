"""The limits of runs. The answer beyond a limit is not documented, so there are several."""

from collections import deque
from random import Random
from typing import Final

from pipeline.sandbox.adobe_audiences.answers import Refusal
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.vocabulary import BAD_REQUEST, DAY_SECONDS, UNPROCESSABLE

_REFUSALS: Final = (
    (429, "429001", "The quota of ingestion runs is exhausted"),
    (400, BAD_REQUEST, "The limit of ingestion runs is reached"),
    (403, "403999", "Guardrail: daily limit of ingestion runs exceeded"),
    (422, UNPROCESSABLE, "Number of ingestions exceeds the guardrail limit"),
)


class Guardrails:
    """Counts the runs of all audiences in any 24 hours, and of each audience in its period."""

    def __init__(self, options: SimulatorOptions, random: Random) -> None:
        self.largest_day = 0
        """The most runs that any 24 hours had."""
        self.refused = 0
        self._options = options
        self._random = random
        self._day: deque[float] = deque()
        self._by_audience: dict[str, list[float]] = {}

    def check(self, audience_id: str, now: float) -> None:
        """Raise Refusal if another run would exceed a limit."""
        options = self._options
        if self._today(now) < options.runs_a_day and (
            options.runs_an_audience is None
            or self._of_audience(audience_id, now) < options.runs_an_audience
        ):
            return
        self.refused += 1
        status, code, message = self._random.choice(_REFUSALS)
        raise Refusal(status, message, code)

    def count(self, audience_id: str, now: float) -> None:
        """Count a run that begins."""
        self._day.append(now)
        self._by_audience.setdefault(audience_id, []).append(now)
        self.largest_day = max(self.largest_day, self._today(now))

    def _today(self, now: float) -> int:
        while self._day and self._day[0] <= now - DAY_SECONDS:
            self._day.popleft()
        return len(self._day)

    def _of_audience(self, audience_id: str, now: float) -> int:
        period = self._options.audience_period
        runs = self._by_audience.get(audience_id, [])
        return len(runs if period is None else [one for one in runs if one > now - period])
