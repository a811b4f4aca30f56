"""When to ask for a job, and what an answer means for it. Pure; the partner's word decides."""

from dataclasses import dataclass
from typing import Literal

from pipeline.domain.job import JobReport, NotYet
from pipeline.stages.poll.following import Followed

MISSING_POLLS = 3
"""A job is not found after so many answers that the partner does not know it ..."""
MISSING_SECONDS = 120.0
"""... over at least this time."""
JITTER = 0.2
"""Share by which intervals vary. Without it, jobs of one moment would always be asked together."""
LONGEST_POWER = 50

Verdict = Literal[
    "ended",  # the partner said how the job ended
    "not_found",  # the partner does not know the job and never did
    "given_up",  # the partner says that the job is pending, after all that time
    "ask_again",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRules:
    """How the jobs of one destination are followed. Times in seconds."""

    initial: float
    factor: float
    longest: float
    questions_per_second: float
    give_up_after: float
    missing_tolerated: float
    """How long after its submission the partner may not know a job."""

    def interval(self, polls: int, backlog: int, chance: float) -> float:
        """Seconds until the next question; `chance` in 0..1.

        All jobs that wait take `backlog / questions_per_second` for one question each. To ask
        sooner would only lengthen the queue, so the questions keep up with any number of jobs.
        """
        grown = min(self.longest, self.initial * self.factor ** min(polls, LONGEST_POWER))
        stretched = max(grown, backlog / self.questions_per_second)
        return stretched * (1 - JITTER / 2 + JITTER * chance)

    def verdict(self, followed: Followed, answer: JobReport | NotYet, now_ms: int) -> Verdict:
        """Return what an answer means, once `followed` has noted it.

        A missing answer never ends a job, whatever its age: the partner may be away for long.
        """
        age = (now_ms - followed.job.submitted_at_ms) / 1000
        if isinstance(answer, JobReport):
            if answer.is_terminal:
                return "ended"
            return "given_up" if age > self.give_up_after else "ask_again"
        is_missing = answer.is_missing and self._is_missing(followed, age, now_ms)
        return "not_found" if is_missing else "ask_again"

    def _is_missing(self, followed: Followed, age: float, now_ms: int) -> bool:
        job = followed.job
        return (
            not job.is_known
            and job.missing_polls >= MISSING_POLLS
            and now_ms - job.missing_since_ms >= MISSING_SECONDS * 1000
            and age > self.missing_tolerated
        )
