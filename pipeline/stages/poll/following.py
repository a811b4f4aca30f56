"""Which jobs of one partition are followed, however often each stands there.

A job that is still pending after a while is written again to the end of its topic. Whoever takes
the partition over before its old place could be committed reads both: one job, followed once.
"""

from dataclasses import dataclass

from pipeline.domain.job import Job


@dataclass(slots=True)
class Followed:
    """A job and its latest place in the topic."""

    job: Job
    offset: int
    polls: int = 0


class Following:
    """The jobs of one partition, by id."""

    def __init__(self) -> None:
        self._followed: dict[str, Followed] = {}

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
        """It has ended, or is about to be written again, and will be followed from there."""
        self._followed.pop(job_id, None)
