"""Puts the parts of a lane's worker together; `reading_assembly` makes the parts that read."""

import asyncio
from collections.abc import Callable

from pipeline.domain.send_result import Blocked
from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import Batch, LaneQueue
from pipeline.stages.upload.bisector import Bisector
from pipeline.stages.upload.blocked_wait import BlockedWait
from pipeline.stages.upload.cap_limiter import CapLimiter, Reservation
from pipeline.stages.upload.cap_use import CapUse
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.delivery import Delivery
from pipeline.stages.upload.dispatcher import Dispatcher
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.job_message import JobMessages
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.outcomes import LaneOutcomes
from pipeline.stages.upload.paused_audiences import PausedAudiences
from pipeline.stages.upload.reading_assembly import ReadingAssembly
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.stages.upload.requests import LaneRequests
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.settlement import Settlement
from pipeline.stages.upload.status import LaneStatus
from pipeline.stages.upload.takeover import Takeover
from pipeline.stages.upload.tally import Tally
from pipeline.stages.upload.trimming import trim_always
from pipeline.stages.upload.worker import UploadWorker


class LaneAssembly:
    """The parts of one worker, made in the order in which they need each other."""

    def __init__(self, shared: SharedByLanes, lane: ServedLane, lease: Lease) -> None:
        self._shared = shared
        self._lane = lane
        self._lease = lease
        self._clock = asyncio.get_running_loop().time
        self._changed = asyncio.Event()
        self._progress = shared.new_progress(f"upload {lane.name}")
        self._queue = LaneQueue(lane.limits)
        self._paused = PausedAudiences()
        self._tally = Tally()
        self._refused = RefusedAudiences(probe_seconds=lane.probe_seconds)
        self._late = LateMembers(
            queue=self._queue,
            late_seconds=lane.late_seconds,
            clock=self._clock,
            take_back=lambda records: self._reading.intake.take_back(records),
        )
        self._in_flight = InFlight(
            slots=lane.max_in_flight,
            late=self._late,
            moved=self._report,
            ended=self._delivery_ended,
            changed=self._changed,
        )
        self._offsets = LaneOffsets(
            lease=lease, paused=self._paused, is_clean=lambda: self._in_flight.is_clean
        )
        self._condition, self._cap_use = self._shown()
        self._settlement = self._made_settlement()
        self._outcomes = self._made_outcomes()
        self._reading = self._made_reading()
        self._requests = self._made_requests()
        self._limiter = CapLimiter(
            buckets=lane.new_buckets(), clock=shared.cap_clock, waited=self._cap_use.waited
        )

    def worker(self) -> UploadWorker:
        status = self._status()
        return UploadWorker(
            name=self._lane.name,
            takeover=self._takeover(),
            offsets=self._offsets,
            intake=self._reading.intake,
            in_flight=self._in_flight,
            condition=self._condition,
            status=status,
            dispatcher=self._dispatcher(),
            reader=self._reading.reader(),
            new_replaying=self._reading.replaying,
            blocked_wait=self._blocked_wait(),
            beside={
                "limiter": self._limiter.run,
                "trim": self._trim,
                "summarise": status.summarise_always,
            },
            rejecting=self._settlement.rejecting,
            released=self._released,
        )

    def _takeover(self) -> Takeover:
        return Takeover(
            lane=self._lane.name,
            lease=self._lease,
            late=self._late,
            late_seconds=self._lane.late_seconds,
            pauses=self._reading.pauses,
            offsets=self._offsets,
            condition=self._condition,
        )

    def _blocked_wait(self) -> BlockedWait:
        return BlockedWait(
            lease=self._lease,
            queue=self._queue,
            late=self._late,
            offsets=self._offsets,
            room=self._reading.room,
            probe_seconds=self._lane.probe_seconds,
        )

    def _made_reading(self) -> ReadingAssembly:
        return ReadingAssembly(
            shared=self._shared,
            lane=self._lane,
            lease=self._lease,
            queue=self._queue,
            paused=self._paused,
            refused=self._refused,
            offsets=self._offsets,
            in_flight=self._in_flight,
            settlement=self._settlement,
            progress=self._progress,
            clock=self._clock,
            changed=self._changed,
        )

    # The parts that send

    def _dispatcher(self) -> Dispatcher:
        return Dispatcher(
            lane=self._lane.name,
            lease=self._lease,
            queue=self._queue,
            intake=self._reading.intake,
            in_flight=self._in_flight,
            late=self._late,
            offsets=self._offsets,
            pauses=self._reading.pauses,
            refused=self._refused,
            room=self._reading.room,
            requests=self._requests,
            condition=self._condition,
            cap_use=self._cap_use,
            new_delivery=self._delivery,
            sent=self._sent,
            clock=self._clock,
            changed=self._changed,
        )

    def _delivery(
        self, batch: Batch, is_doubted: bool, block: Callable[[Blocked], None]
    ) -> Delivery:
        return Delivery(
            batch=batch,
            bisector=Bisector(batch, tally=self._tally, is_doubted=is_doubted),
            requests=self._requests,
            reservation=Reservation(
                self._limiter, oldest=min(record.admitted_at for record in batch.records)
            ),
            outcomes=self._outcomes,
            slots=self._in_flight,
            backoff=self._lane.backoff,
            chance=self._shared.chance,
            shrink=self._queue.shrink,
            block=block,
        )

    def _made_requests(self) -> LaneRequests:
        return LaneRequests(
            lane=self._lane.name,
            lease=self._lease,
            partner=self._lane.partner,
            throttle=self._lane.throttle,
            overhead_bytes=self._lane.limits.overhead_bytes,
            clock=self._clock,
        )

    def _made_outcomes(self) -> LaneOutcomes:
        return LaneOutcomes(
            tally=self._tally,
            cap_use=self._cap_use,
            late=self._late,
            condition=self._condition,
            settlement=self._settlement,
        )

    def _made_settlement(self) -> Settlement:
        shared, label = self._shared, self._lane.label
        return Settlement(
            lease=self._lease,
            offsets=self._offsets,
            jobs=JobMessages(
                lane=self._lane.name,
                label=label,
                jobs_topic=shared.jobs_topic,
                outcomes_topic=shared.outcomes_topic,
                new_id=shared.new_id,
                wall_ms=shared.wall_ms,
            ),
            dead_letters=shared.dead_letters,
            message_writer=shared.message_writer,
            label=label,
            telemetry=shared.telemetry,
            wall_ms=shared.wall_ms,
        )

    # The parts that show the lane to operators

    def _shown(self) -> tuple[LaneCondition, CapUse]:
        lane, telemetry = self._lane, self._shared.lane_telemetry
        condition = LaneCondition(
            lane=lane.name,
            label=lane.label,
            refused=self._refused,
            telemetry=telemetry,
            clock=self._clock,
        )
        cap_use = CapUse(
            cap=lane.quota.records,
            window=lane.quota.window,
            label=lane.label,
            telemetry=telemetry,
            clock=self._clock,
        )
        return condition, cap_use

    def _status(self) -> LaneStatus:
        return LaneStatus(
            condition=self._condition,
            queue=self._queue,
            in_flight=self._in_flight,
            cap_use=self._cap_use,
            offsets=self._offsets,
            pauses=self._reading.pauses,
        )

    # Events that one part reports to others

    def _sent(self, batch: Batch) -> None:
        self._shared.telemetry.batch_sent(
            lane=self._lane.label, reason=batch.reason, records=len(batch.records)
        )

    def _report(self) -> None:
        self._offsets.report()

    def _delivery_ended(self) -> None:
        self._progress.advance()
        self._reading.room.occupy()

    def _released(self) -> None:
        self._progress.busy(False)
        self._reading.room.release()
        self._shared.lane_telemetry.lane_released(lane=self._lane.label)

    async def _trim(self) -> None:
        await trim_always(
            lease=self._lease,
            offsets=self._offsets,
            trimmer=self._shared.trimmer,
            keep_delivered=self._shared.keep_delivered,
            wall_ms=self._shared.wall_ms,
        )
