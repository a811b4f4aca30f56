"""The jobs of accepted records: each is pending for a while, then in a terminal state."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.sandbox.amazon_ads.vocabulary import JobState


class InvalidRecord(NamedTuple):
    """A record that a job calls invalid, with the reason."""

    member: str
    error: str


@dataclass(slots=True, kw_only=True)
class Job:
    """The job of one accepted request. Its state follows from the time, without a timer."""

    job_id: str
    audience: int
    records: int
    invalid: Sequence[InvalidRecord]
    end_state: JobState
    known_at: float
    ends_at: float
    shown_states: deque[str] = field(default_factory=deque)
    was_told: bool = False
    """Whether an answer has shown a terminal state."""

    def state(self, now: float) -> JobState:
        return "PENDING" if now < self.ends_at else self.end_state

    def processed_percent(self) -> float:
        if self.end_state == "FAILED":
            return 0.0
        return 100.0 * (self.records - len(self.invalid)) / self.records

    def __repr__(self) -> str:
        return f"<Job {self.job_id} of {self.records} records>"


class JobBook:
    """All jobs; old ones are forgotten, as at the real partner."""

    def __init__(self, retention: float) -> None:
        self.polls_after_end = 0
        self._retention = retention
        self._jobs: dict[str, Job] = {}
        self._added: deque[tuple[float, str]] = deque()

    def add(self, job: Job, now: float) -> None:
        self._forget(now)
        self._jobs[job.job_id] = job
        self._added.append((now, job.job_id))

    def find(self, job_id: str, now: float) -> Job | None:
        """The job, or None if the partner does not know it yet or no longer."""
        self._forget(now)
        job = self._jobs.get(job_id)
        return None if job is None or now < job.known_at else job

    def tell(self, job: Job, now: float) -> str:
        """The state for this question; counts questions after the end."""
        if job.was_told:
            self.polls_after_end += 1
        if job.shown_states:
            return job.shown_states.popleft()
        state = job.state(now)
        job.was_told = job.was_told or state != "PENDING"
        return state

    def by_state(self, now: float) -> Counter[str]:
        return Counter(job.state(now) for job in self._jobs.values())

    def _forget(self, now: float) -> None:
        while self._added and self._added[0][0] + self._retention <= now:
            self._jobs.pop(self._added.popleft()[1], None)
