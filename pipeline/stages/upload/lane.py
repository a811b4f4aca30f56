"""The books of one lane: what was read, what is in flight, what each answer changes."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipeline.domain.lane_record import audience_of
from pipeline.domain.message import Origin
from pipeline.domain.pause_request import RequestedPauses
from pipeline.domain.quota import RollingWindow
from pipeline.domain.reasons import Rejected, RejectedReason
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.ports import Lease, Record, StartingPoint, Upload
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.admission import read_queued_record
from pipeline.stages.upload.batching import Batch, LaneQueue, QueuedRecord
from pipeline.stages.upload.bisector import Bad
from pipeline.stages.upload.job_message import job_message
from pipeline.stages.upload.paused_audiences import PausedAudiences
from pipeline.stages.upload.plan import Desk, LanePlan
from pipeline.stages.upload.poison_body import Tally

RECORD_OVERHEAD_BYTES = 500
"""What Python's objects around one waiting record weigh, beside its key and value."""
OFFSET_OVERHEAD_BYTES = 120
"""What remembering one offset weighs that an open one before it keeps from being committed."""


class LaneBooks:
    """State of one lane for one ownership. Reading a stretch again changes nothing settled."""

    def __init__(
        self, lease: Lease, plan: LanePlan, upload: Upload, throttle: Throttle, desk: Desk
    ) -> None:
        self._lease = lease
        self._plan = plan
        self._upload = upload
        self._throttle = throttle
        self._desk = desk
        self._limits = plan.limits
        self._window = RollingWindow(plan.cap_window)
        self._cooling: list[tuple[float, str, Sequence[QueuedRecord]]] = []
        self._taken_bytes = 0
        self._is_in_flight = False
        self._in_doubt_at: float | None = None
        self.queue = LaneQueue(plan.limits)
        self.tracker = OffsetTracker(0)
        self.position = 0  # up to where the topic has been read since what waited was let go of
        self.paused = PausedAudiences()
        self.tally = Tally()
        self.refused_in_a_row = 0

    def begin(self, start: StartingPoint, requested: RequestedPauses) -> None:
        """Take over. Without a clean end of the former owner a request of its may be in flight.

        What it kept back, if unknown, may be all that anybody ever paused: repeating does no harm.
        """
        self.tracker = OffsetTracker(start.offset)
        self.position = start.offset
        unknown = (
            {} if start.others_paused is None else dict.fromkeys(requested, start.others_paused)
        )
        self.paused.begin({**unknown, **start.paused}, requested)
        if not start.is_clean:
            self._in_doubt_at = _now()
        self.report()

    def report(self) -> None:
        """Tell the lease what is done, what is kept back, and whether all sent was answered."""
        self.paused.end()
        self._lease.settle(
            self.tracker.committable, clean=self.is_clean, paused=self.paused.since()
        )

    def forget_waiting(self) -> None:
        """Let go of everything read and not settled; it will be read again.

        A remembered byte limit goes, too: whoever mends what stopped the lane may mend that.
        """
        self._limits = self._plan.limits
        self.queue = LaneQueue(self._limits)
        self._cooling.clear()
        self._taken_bytes = 0
        self.position = self.tracker.committable
        self.paused.turn_back()
        self.report()

    @property
    def is_clean(self) -> bool:
        """Whether no request of ours can still be at work on the other side."""
        return not self._is_in_flight and self.late_for() <= 0

    @property
    def used_bytes(self) -> int:
        waiting = self.queue.bytes + self.queue.count * RECORD_OVERHEAD_BYTES
        offsets = self.tracker.span + self.paused.span
        return waiting + self._taken_bytes + offsets * OFFSET_OVERHEAD_BYTES

    def late_for(self) -> float:
        """Seconds until an unanswered request can no longer be applied late."""
        if self._in_doubt_at is None:
            return 0.0
        return self._in_doubt_at + self._plan.late_seconds - _now()

    # Reading

    def admit(self, records: Sequence[Record]) -> Sequence[tuple[Record, Rejected]]:
        """Let records wait for their batch; returns those that cannot be sent at all.

        Those of an audience that is kept back don't wait: they are settled.
        """
        fresh = [record for record in records if self.tracker.admit(record.offset)]
        if records:
            self.position = records[-1].offset + 1
        if self.paused:
            fresh = [record for record in fresh if not self._keeps(record)]
            self.report()
        return self.let_wait(fresh)

    def let_wait(self, records: Sequence[Record]) -> Sequence[tuple[Record, Rejected]]:
        """As `admit`, for what is known to be new and not kept back."""
        unusable: list[tuple[Record, Rejected]] = []
        superseded = 0
        now = _now()
        for record in records:
            waiting = read_queued_record(record, self._plan.limits, now)
            if isinstance(waiting, Rejected):
                unusable.append((record, waiting))
                continue
            earlier = self.queue.add(waiting)
            if earlier is not None and earlier.offset != record.offset:
                superseded += 1
                self._end(earlier)
        if superseded:
            self._desk.telemetry.records_superseded(lane=self._plan.label, count=superseded)
            self.report()
        return unusable

    def meet(self) -> None:
        """Give audiences back to the lane's reader whose replay is level with it."""
        if self.position >= self.tracker.next:
            self.paused.meet(self.position)

    def _keeps(self, record: Record) -> bool:
        is_kept = self.paused.keeps(audience_of(record.key))
        if is_kept:
            self.tracker.settle(record.offset)
        return is_kept

    # Sending

    def taken(self, batch: Batch) -> None:
        """Take note that a batch is in flight."""
        self._taken_bytes += _weight(batch.records)
        self._desk.telemetry.batch_sent(
            lane=self._plan.label, reason=batch.reason, records=len(batch.records)
        )

    def show_in_flight(self, in_flight: bool) -> None:
        """Take note whether any request is on its way or has an answer not yet written down."""
        self._is_in_flight = in_flight
        self.report()

    async def may_send(self) -> None:
        """Return when the lane is owned, nobody asked it to be silent, and it is its turn."""
        while True:
            await self._lease.wait_held()
            await asyncio.sleep(self.silence())
            await self._upload.turn()
            if self._lease.is_held and self.silence() <= 0:
                return

    def silence(self) -> float:
        """Seconds for which the partner asked for silence."""
        return self._throttle.wait(self._plan.name, _now())

    def throttled(self, wait: float) -> None:
        self._throttle.told(self._plan.name, wait, _now())

    def partner_errors(self) -> None:
        self.tally = self.tally._replace(partner_errors=self.tally.partner_errors + 1)

    def in_doubt(self) -> None:
        self._in_doubt_at = _now()

    def counted(self, records: int) -> None:
        """The partner counted, or may have counted, so many records."""
        self._window.add(records, _now())
        self.show_cap()

    def window_records(self) -> int:
        """Records that the partner counts in the window that ends now."""
        return self._window.total(_now())

    def show_cap(self) -> None:
        self._desk.telemetry.cap_used(
            lane=self._plan.label, window_records=self.window_records(), limit=self._plan.cap
        )

    def shrink(self, body_bytes: int) -> None:
        """Remember that the partner takes no body of this size."""
        smaller = min(self._limits.max_bytes, max(body_bytes // 2, self._limits.overhead_bytes + 1))
        self._limits = replace(self._limits, max_bytes=smaller)
        self.queue.limits = self._limits

    # Settling

    async def accepted(
        self, audience: str, part: Sequence[QueuedRecord], job_id: str | None
    ) -> None:
        """Make the job durable, then settle its records: in this order nothing is lost."""
        self.tally = self.tally._replace(accepted=self.tally.accepted + 1)
        self.refused_in_a_row = 0
        removes = sum(record.action == "remove" for record in part)
        self._count_accepted(len(part), removes, part)
        if job_id is None:
            self._desk.telemetry.records_unknown(lane=self._plan.label, count=len(part))
        job = job_message(self._plan, self._desk, audience, part, removes=removes, job_id=job_id)
        await self._desk.message_writer.write([job])
        self._settle(part)

    async def refused(self, bad: Sequence[Bad]) -> None:
        """Make the dead letters durable, then settle."""
        letters = [
            self._desk.letters.compose(
                Origin(self._lease.topic, self._lease.partition, one.record.offset),
                one.record.key,
                one.record.value,
                one.reason,
                one.detail,
            )
            for one in bad
        ]
        # At once, or batches that are judged meanwhile would not know of each other's.
        self.refused_in_a_row += len(bad)
        await self._desk.message_writer.write(letters)
        self._count_letters([one.reason for one in bad])
        self._settle([one.record for one in bad])

    async def unusable(self, rejected: Sequence[tuple[Record, Rejected]]) -> None:
        """Dead-letter records of the topic that cannot be sent at all."""
        letters = [
            self._desk.letters.letter(self._lease, record, why.reason, why.detail)
            for record, why in rejected
        ]
        await self._desk.message_writer.write(letters)
        self._count_letters([why.reason for _, why in rejected])
        self._settle([record for record, _ in rejected])

    def answered(self, batch: Batch, *, was_in_doubt: bool) -> None:
        """The batch is done; after an unanswered attempt its members stay blocked for a while.

        The attempt may still be at work on the other side, and would overtake a newer change.
        """
        self._taken_bytes -= _weight(batch.records)
        if was_in_doubt and (late := self.late_for()) > 0:
            self._cooling.append((_now() + late, batch.audience, batch.records))
        else:
            self.queue.settled(batch.records, batch.audience)
        self.report()

    def cool_down(self) -> float | None:
        """Unblock members whose time has come; seconds until the next ones, None without any."""
        now = _now()
        for due in [entry for entry in self._cooling if entry[0] <= now]:
            self._cooling.remove(due)
            self.queue.settled(due[2], due[1])
        ends = [entry[0] for entry in self._cooling]
        return min(ends) - now if ends else None

    def _settle(self, records: Sequence[QueuedRecord | Record]) -> None:
        for record in records:
            self._end(record)
        self.report()

    def _end(self, record: QueuedRecord | Record) -> None:
        """Settle a record for the lane's reader and for a replay, whichever admitted it."""
        self.tracker.settle(record.offset)
        if self.paused:
            self.paused.settle(audience_of(record.key), record.offset)

    def _count_accepted(self, count: int, removes: int, part: Sequence[QueuedRecord]) -> None:
        telemetry, label = self._desk.telemetry, self._plan.label
        if count > removes:
            telemetry.records_accepted(lane=label, action="add", count=count - removes)
        if removes:
            telemetry.records_accepted(lane=label, action="remove", count=removes)
        waited = (self._desk.wall_ms() - part[0].changed_at_ms) / 1000
        telemetry.freshness(stage="accepted", seconds=max(0.0, waited), count=count)

    def _count_letters(self, reasons: Sequence[RejectedReason]) -> None:
        for reason, count in Counter(reasons).items():
            self._desk.letters.written(reason, count)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _weight(records: Sequence[QueuedRecord]) -> int:
    return sum(len(record.key) + len(record.value) + RECORD_OVERHEAD_BYTES for record in records)
