"""Which jobs of one partition are followed and which have ended, however often each stands there.

A job that is still pending after a while is written again to the end of its topic. Whoever takes
the partition over before its old place could be committed reads both: one job, followed once.
"""

from collections import OrderedDict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipeline.core.jobs import Job


@dataclass(slots=True)
class Followed:
    """A job and its latest place in the topic."""

    job: Job
    offset: int
    polls: int = 0


class Following:
    """The jobs of one partition, by id."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._followed: dict[str, Followed] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._ended_before: AbstractSet[str] = frozenset()

    def ended_before(self, jobs: AbstractSet[str]) -> None:
        """These have an outcome from before this partition was ours."""
        self._ended_before = jobs

    def has_ended(self, job_id: str) -> bool:
        """Whether it has an outcome, as far as that is remembered."""
        return job_id in self._ended or job_id in self._ended_before

    def start(self, job: Job, offset: int) -> Followed:
        followed = self._followed[job.job_id] = Followed(job, offset, job.polls)
        return followed

    def move(self, job: Job, offset: int) -> int | None:
        """Follow a job from its new place on; returns the old one, None if it was not followed."""
        followed = self._followed.get(job.job_id)
        if followed is None:
            return None
        earlier = followed.offset
        followed.job, followed.offset = job, offset
        followed.polls = max(followed.polls, job.polls)
        return earlier

    def let_go(self, job_id: str) -> None:
        """It is about to be written again, and will be followed from there."""
        self._followed.pop(job_id, None)

    def end(self, job_id: str) -> None:
        """Its outcome is durable."""
        self._followed.pop(job_id, None)
        self._ended[job_id] = None
        if len(self._ended) > self._remembered:
            self._ended.popitem(last=False)
