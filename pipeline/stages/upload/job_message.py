"""What stands in our topics for records that the partner took: the job to follow, or its end."""

from collections.abc import Sequence

from pipeline.domain.job import UNTRACKED, Job, encode_unknown
from pipeline.domain.message import Message
from pipeline.domain.offset_ranges import encode_ranges
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.plan import Desk, LanePlan


def job_message(
    plan: LanePlan,
    desk: Desk,
    audience: str,
    part: Sequence[QueuedRecord],
    *,
    removes: int,
    job_id: str | None,
) -> Message:
    """A job; without an id nobody can follow it, and that is its outcome."""
    offsets = [record.offset for record in part]
    job = Job(
        # Its own for each acceptance: a message written twice is one, a record taken twice is two.
        job_id=job_id or f"untracked-{plan.name}-{min(offsets)}-{desk.new_id()}",
        destination=plan.label.destination,
        connection=plan.label.connection,
        audience_id=audience,
        records=len(part),
        removes=removes,
        first_offset=min(offsets),
        last_offset=max(offsets),
        offsets=encode_ranges(offsets),
        submitted_at_ms=desk.wall_ms(),
        oldest_changed_at_ms=min(record.changed_at_ms for record in part),
    )
    key = job.job_id.encode()
    if job_id is not None:
        return Message(desk.jobs_topic, key, job.encode(), ())
    outcome = encode_unknown(job, UNTRACKED, desk.wall_ms())
    return Message(desk.outcomes_topic, key, outcome, ())
