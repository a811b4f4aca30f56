"""Writes how a job ended, and a dead letter for each invalid record; reports both."""

from collections.abc import Callable

import structlog

from pipeline.domain.job import (
    End,
    InvalidRecord,
    Job,
    JobReport,
    encode_outcome,
    encode_unknown,
    tally,
)
from pipeline.domain.lane_record import named_key
from pipeline.domain.message import Message, Origin
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.poll.pending import label
from pipeline.stages.ports import MessageWriter
from pipeline.telemetry.facts import PollTelemetry

log = structlog.get_logger(__name__)


class Outcomes:
    """The topic of outcomes, for all partitions of jobs."""

    def __init__(
        self,
        *,
        topic: str,
        message_writer: MessageWriter,
        letters: DeadLetters,
        telemetry: PollTelemetry,
        wall_ms: Callable[[], int],
    ) -> None:
        self._topic = topic
        self._message_writer = message_writer
        self._letters = letters
        self._telemetry = telemetry
        self._wall_ms = wall_ms

    async def write_ended(self, origin: Origin, job: Job, report: JobReport) -> None:
        """Write how the partner ended the job, and its invalid records; return once durable."""
        outcome = encode_outcome(job, report, self._wall_ms())
        await self._write(job, outcome, [self._letter(origin, job, one) for one in report.invalid])
        self._tell(job, report.state, report.end, len(report.invalid))

    async def write_unknown(self, job: Job, state: str) -> None:
        """Write that nobody knows the end; `state` is our word for why. Return once durable."""
        await self._write(job, encode_unknown(job, state, self._wall_ms()), [])
        self._tell(job, state, "unknown", 0)

    async def _write(self, job: Job, outcome: bytes, letters: list[Message]) -> None:
        message = Message(self._topic, job.job_id.encode(), outcome, ())
        await self._message_writer.write([message, *letters])

    def _letter(self, origin: Origin, job: Job, invalid: InvalidRecord) -> Message:
        """Make a dead letter for a delivered record, whose value is in the lane's topic."""
        key = named_key(job.audience_id, invalid.member)
        detail = f"job {job.job_id}, audience {job.audience_id}: {invalid.error}"
        return self._letters.compose(origin, key, job.encode(), "invalid", detail)

    def _tell(self, job: Job, state: str, end: End, invalid: int) -> None:
        telemetry, lane = self._telemetry, label(job)
        ends = tally(job.records, end, invalid)
        telemetry.job_ended(lane=lane, state=state, seconds=self._since(job.submitted_at_ms))
        if ends.applied:
            telemetry.records_applied(lane=lane, count=ends.applied)
            # A change may have waited for hours in its lane before its job was submitted.
            seconds = self._since(job.oldest_changed_at_ms)
            telemetry.freshness(stage="applied", seconds=seconds, count=ends.applied)
        if ends.invalid:
            telemetry.records_invalid(lane=lane, count=ends.invalid)
            self._letters.written("invalid", invalid)
        if ends.failed:
            telemetry.records_failed(lane=lane, count=ends.failed)
        if ends.unknown:
            telemetry.records_unknown(lane=lane, count=ends.unknown)
        if ends.invalid + ends.failed == job.records:
            telemetry.job_wholly_invalid(lane=lane, audience_id=str(job.audience_id))
            log.error("job applied nothing", job=job.job_id, audience=job.audience_id, state=state)

    def _since(self, ms: int) -> float:
        return max(0.0, (self._wall_ms() - ms) / 1000)
