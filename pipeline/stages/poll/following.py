"""Which jobs of one partition are followed; a job with several messages is followed once.

A job that is still pending after a while is written again to the end of its topic. A new owner may
take the partition over before the offset of the old message is committed, and then reads both.
"""

from dataclasses import dataclass, replace

from pipeline.domain.job import Job, JobReport, NotYet


@dataclass(slots=True)
class Followed:
    """A job and the offset of its latest message in the topic."""

    job: Job
    offset: int
    placed_at_ms: int
    """When that message was written."""

    def hear(self, answer: JobReport | NotYet, now_ms: int) -> None:
        """Note the partner's answer, or that it did not answer."""
        job = replace(self.job, polls=self.job.polls + 1)
        if isinstance(answer, JobReport):
            job = replace(job, is_known=True, missing_polls=0, missing_since_ms=0)
        elif answer.is_missing:
            since_ms = job.missing_since_ms if job.missing_polls else now_ms
            job = replace(job, missing_polls=job.missing_polls + 1, missing_since_ms=since_ms)
        self.job = job

    def stands_for(self, now_ms: int) -> float:
        """Return the seconds since the job's message was written."""
        return max(0.0, (now_ms - max(self.placed_at_ms, self.job.submitted_at_ms)) / 1000)


class Following:
    """The jobs of one partition, by id."""

    def __init__(self) -> None:
        self._followed: dict[str, Followed] = {}

    def start(self, job: Job, offset: int, placed_at_ms: int) -> Followed:
        followed = self._followed[job.job_id] = Followed(job, offset, placed_at_ms)
        return followed

    def move(self, job: Job, offset: int, placed_at_ms: int) -> int | None:
        """Follow a job at a new offset; return the old one, None if the job was not followed.

        All that is known of the job stays known.
        """
        followed = self._followed.get(job.job_id)
        if followed is None:
            return None
        earlier = followed.offset
        followed.offset, followed.placed_at_ms = offset, placed_at_ms
        followed.job = _latest(followed.job, job)
        return earlier

    def let_go(self, job_id: str) -> None:
        """Stop following a job: it has ended, or is about to be written again."""
        self._followed.pop(job_id, None)


def _latest(one: Job, other: Job) -> Job:
    """Join what two messages of a job say."""
    later = max(one, other, key=lambda job: (job.carried_over, job.polls))
    is_known, polls = one.is_known or other.is_known, max(one.polls, other.polls)
    return replace(later, is_known=is_known, polls=polls)
