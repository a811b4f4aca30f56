"""Composes the messages for records that the partner took: a job to follow, or an outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.domain.job import UNTRACKED, Job, encode_applied_at_once, encode_unknown
from pipeline.domain.message import Message
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.telemetry.facts import LaneLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessages:
    """Composes the job messages of one lane."""

    lane: str
    label: LaneLabel
    jobs_topic: str
    outcomes_topic: str
    new_id: Callable[[], str]
    """Returns a text that was never used before."""
    wall_ms: Callable[[], int]

    def accepted(self, audience: str, part: Sequence[QueuedRecord], job_id: str | None) -> Message:
        """Compose a job to follow; without an id it cannot be followed, so compose its outcome."""
        job = self._job(audience, part, job_id or self._own_id("untracked", part))
        if job_id is not None:
            return Message(self.jobs_topic, job_id.encode(), job.encode(), ())
        return self._outcome(job, encode_unknown(job, UNTRACKED, self.wall_ms()))

    def applied(self, audience: str, part: Sequence[QueuedRecord]) -> Message:
        """Compose the outcome of records that the partner applied at once."""
        job = self._job(audience, part, self._own_id("applied", part))
        return self._outcome(job, encode_applied_at_once(job, self.wall_ms()))

    def _own_id(self, what: str, part: Sequence[QueuedRecord]) -> str:
        """Return a new id for each acceptance.

        A message that is written twice counts once, and a record that is taken twice counts twice.
        """
        return f"{what}-{self.lane}-{min(one.offset for one in part)}-{self.new_id()}"

    def _outcome(self, job: Job, encoded: bytes) -> Message:
        return Message(self.outcomes_topic, job.job_id.encode(), encoded, ())

    def _job(self, audience: str, part: Sequence[QueuedRecord], job_id: str) -> Job:
        offsets = [record.offset for record in part]
        return Job(
            job_id=job_id,
            destination=self.label.destination,
            connection=self.label.connection,
            audience_id=audience,
            records=len(part),
            removes=sum(record.action == "remove" for record in part),
            first_offset=min(offsets),
            last_offset=max(offsets),
            offsets=encode_ranges(offsets),
            submitted_at_ms=self.wall_ms(),
            oldest_changed_at_ms=min(record.changed_at_ms for record in part),
        )
