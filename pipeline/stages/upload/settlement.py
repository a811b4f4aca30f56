"""Makes what became of records durable, and only then settles them."""

from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.domain.message import Origin
from pipeline.domain.reasons import Rejected, RejectedReason
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import Lease, MessageWriter, Record
from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.bisector import PoisonRecord
from pipeline.stages.upload.job_message import JobMessages
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.telemetry.facts import LaneLabel, UploadTelemetry


class Settlement:
    """Jobs and dead letters of one lane. In this order a crash repeats work and loses nothing."""

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

    async def accepted(
        self, audience: str, part: Sequence[QueuedRecord], job_id: str | None
    ) -> None:
        """The partner took these; without a job nobody can follow them."""
        removes = sum(record.action == "remove" for record in part)
        self._count_accepted(part, removes)
        if job_id is None:
            self._telemetry.records_unknown(lane=self._label, count=len(part))
        message = self._jobs.compose(audience, part, removes=removes, job_id=job_id)
        await self._message_writer.write([message])
        self._offsets.settle(part)

    async def given_up(self, poison: Sequence[PoisonRecord]) -> None:
        """The partner takes the others, and not these."""
        letters = [
            self._dead_letters.compose(
                Origin(self._lease.topic, self._lease.partition, one.record.offset),
                one.record.key,
                one.record.value,
                one.reason,
                one.detail,
            )
            for one in poison
        ]
        await self._message_writer.write(letters)
        self._count_letters([one.reason for one in poison])
        self._offsets.settle([one.record for one in poison])

    async def unusable(self, rejected: Sequence[tuple[Record, Rejected]]) -> None:
        """These cannot be sent at all."""
        letters = [
            self._dead_letters.letter(self._lease, record, why.reason, why.detail)
            for record, why in rejected
        ]
        await self._message_writer.write(letters)
        self._count_letters([why.reason for _, why in rejected])
        self._offsets.settle([record for record, _ in rejected])

    def superseded(self, records: Sequence[QueuedRecord]) -> None:
        """Later changes of the same members overtook these while they waited."""
        if records:
            self._telemetry.records_superseded(lane=self._label, count=len(records))
            self._offsets.settle(records)

    def _count_accepted(self, part: Sequence[QueuedRecord], removes: int) -> None:
        telemetry, label = self._telemetry, self._label
        if len(part) > removes:
            telemetry.records_accepted(lane=label, action="add", count=len(part) - removes)
        if removes:
            telemetry.records_accepted(lane=label, action="remove", count=removes)
        waited = (self._wall_ms() - part[0].changed_at_ms) / 1000
        telemetry.freshness(stage="accepted", seconds=max(0.0, waited), count=len(part))

    def _count_letters(self, reasons: Sequence[RejectedReason]) -> None:
        for reason, count in Counter(reasons).items():
            self._dead_letters.written(reason, count)
