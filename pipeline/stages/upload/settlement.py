"""Makes the results of records durable, and only then settles the records."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.domain.message import Message, Origin
from pipeline.domain.reasons import Rejected, RejectedReason
from pipeline.domain.send_result import Invalid
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import Lease, MessageWriter, Record
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.bisector import PoisonRecord
from pipeline.stages.upload.job_message import JobMessages
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.telemetry.facts import LaneLabel, UploadTelemetry


class Settlement:
    """Writes jobs and dead letters, then settles: a crash repeats work and loses nothing."""

    def __init__(
        self,
        *,
        lease: Lease,
        offsets: LaneOffsets,
        jobs: JobMessages,
        dead_letters: DeadLetters,
        message_writer: MessageWriter,
        label: LaneLabel,
        telemetry: UploadTelemetry,
        wall_ms: Callable[[], int],
    ) -> None:
        self._lease = lease
        self._offsets = offsets
        self._jobs = jobs
        self._dead_letters = dead_letters
        self._message_writer = message_writer
        self._label = label
        self._telemetry = telemetry
        self._wall_ms = wall_ms
        self.rejecting = asyncio.Lock()
        """Locked from the write of an unusable record's dead letter until its offset is settled.

        The worker takes this lock before it cancels the readers of a lane that stays ours.
        Otherwise the record could be read again and get a second dead letter.
        """

    async def accepted(
        self, audience: str, part: Sequence[QueuedRecord], job_id: str | None
    ) -> None:
        """Write the job of records that the partner took; without a job, write their outcome."""
        self._count_accepted(part)
        if job_id is None:
            self._telemetry.records_unknown(lane=self._label, count=len(part))
        await self._message_writer.write([self._jobs.accepted(audience, part, job_id)])
        self._offsets.settle(part)

    async def applied(
        self, audience: str, part: Sequence[QueuedRecord], invalid: Sequence[Invalid]
    ) -> None:
        """Write the outcome of records that the partner applied; dead-letter the invalid ones."""
        errors = {one.index: one.error for one in invalid}
        letters = [
            self._letter(record, "invalid", "the partner named it invalid", errors[index])
            for index, record in enumerate(part)
            if index in errors
        ]
        kept = [record for index, record in enumerate(part) if index not in errors]
        if kept:
            self._count_accepted(kept)
            self._count_applied(kept)
        outcome = [self._jobs.applied(audience, kept)] if kept else []
        await self._message_writer.write([*outcome, *letters])
        self._count_letters(["invalid"] * len(letters))
        self._offsets.settle(part)

    async def given_up(self, poison: Sequence[PoisonRecord]) -> None:
        """Dead-letter records that the partner does not take although it takes others."""
        letters = [self._letter(one.record, one.reason, one.detail, one.said) for one in poison]
        await self._message_writer.write(letters)
        self._count_letters([one.reason for one in poison])
        self._offsets.settle([one.record for one in poison])

    async def unusable(self, rejected: Sequence[tuple[Record, Rejected]]) -> None:
        """Dead-letter records that cannot be sent at all."""
        letters = [
            self._dead_letters.letter(self._lease, record, why.reason, why.detail, why.quoted)
            for record, why in rejected
        ]
        async with self.rejecting:
            await self._message_writer.write(letters)
            self._count_letters([why.reason for _, why in rejected])
            self._offsets.settle([record for record, _ in rejected])

    def superseded(self, records: Sequence[QueuedRecord]) -> None:
        """Settle records that later changes of the same members overtook while they waited."""
        if records:
            self._telemetry.records_superseded(lane=self._label, count=len(records))
            self._offsets.settle(records)

    def _letter(
        self, record: QueuedRecord, reason: RejectedReason, detail: str, said: str
    ) -> Message:
        origin = Origin(self._lease.topic, self._lease.partition, record.offset)
        return self._dead_letters.compose(
            origin, record.key, record.value, reason, detail, quoted=said
        )

    def _count_accepted(self, part: Sequence[QueuedRecord]) -> None:
        telemetry, label = self._telemetry, self._label
        removes = sum(record.action == "remove" for record in part)
        if len(part) > removes:
            telemetry.records_accepted(lane=label, action="add", count=len(part) - removes)
        if removes:
            telemetry.records_accepted(lane=label, action="remove", count=removes)
        telemetry.freshness(stage="accepted", seconds=self._age(part), count=len(part))

    def _count_applied(self, part: Sequence[QueuedRecord]) -> None:
        self._telemetry.records_applied(lane=self._label, count=len(part))
        self._telemetry.freshness(stage="applied", seconds=self._age(part), count=len(part))

    def _age(self, part: Sequence[QueuedRecord]) -> float:
        """Return the age of the oldest change in seconds; a request is not in order of time."""
        oldest = min(record.changed_at_ms for record in part)
        return max(0.0, (self._wall_ms() - oldest) / 1000)

    def _count_letters(self, reasons: Sequence[RejectedReason]) -> None:
        for reason, count in Counter(reasons).items():
            self._dead_letters.written(reason, count)
