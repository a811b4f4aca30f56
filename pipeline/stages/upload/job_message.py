"""What stands in our topics for records that the partner took: the job to follow, or its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.domain.job import UNTRACKED, Job, encode_unknown
from pipeline.domain.message import Message
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.telemetry.facts import LaneLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessages:
    """Writes the job messages of one lane."""

    lane: str
    label: LaneLabel
    jobs_topic: str
    outcomes_topic: str
    new_id: Callable[[], str]
    """A text that nobody has used."""
    wall_ms: Callable[[], int]

    def compose(
        self, audience: str, part: Sequence[QueuedRecord], *, removes: int, job_id: str | None
    ) -> Message:
        """A job; without an id nobody can follow it, and that is its outcome."""
        offsets = [record.offset for record in part]
        job = Job(
            # Its own for each acceptance: a message written twice is one, a record taken twice two.
            job_id=job_id or f"untracked-{self.lane}-{min(offsets)}-{self.new_id()}",
            destination=self.label.destination,
            connection=self.label.connection,
            audience_id=audience,
            records=len(part),
            removes=removes,
            first_offset=min(offsets),
            last_offset=max(offsets),
            offsets=encode_ranges(offsets),
            submitted_at_ms=self.wall_ms(),
            oldest_changed_at_ms=min(record.changed_at_ms for record in part),
        )
        key = job.job_id.encode()
        if job_id is not None:
            return Message(self.jobs_topic, key, job.encode(), ())
        outcome = encode_unknown(job, UNTRACKED, self.wall_ms())
        return Message(self.outcomes_topic, key, outcome, ())
