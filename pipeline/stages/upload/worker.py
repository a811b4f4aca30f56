"""Upload: one lane, from its topic to the partner, never over its cap and never out of order."""

import asyncio
from collections.abc import Mapping

import structlog

from pipeline.domain.send_result import Blocked
from pipeline.stages.contract import LOOK_AGAIN_SECONDS, Progress, until
from pipeline.stages.ports import Lease, TokenBucket, Upload
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.batching import Batch
from pipeline.stages.upload.bisector import HOPELESS_RUN
from pipeline.stages.upload.cap_limiter import CapLimiter, Reservation
from pipeline.stages.upload.delivery import Delivery
from pipeline.stages.upload.lane import LaneBooks
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.pausing import PauseControl
from pipeline.stages.upload.plan import Desk, LanePlan
from pipeline.stages.upload.replaying import Replaying
from pipeline.stages.upload.trimming import trim_always
from pipeline.telemetry.facts import LaneState

FETCH_RECORDS = 1000
"""At most this many at once: at about 5 µs each they hold the event loop for 5 ms."""

log = structlog.get_logger(__name__)


class UploadWorker:
    """Owns one lane: reads ahead within its memory, batches, pays, posts, settles.

    A stopped lane lets go of what it has read, asks with one record every minute whether it may
    go on, and resumes by itself.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        plan: LanePlan,
        upload: Upload,
        bucket: TokenBucket,
        throttle: Throttle,
        budget: Budget,
        desk: Desk,
        progress: Progress,
    ) -> None:
        self._lease = lease
        self._plan = plan
        self._upload = upload
        self._budget = budget
        self._desk = desk
        self._progress = progress
        self._limiter = CapLimiter(bucket, self._paid_after)
        self._books = LaneBooks(lease, plan, upload, throttle, desk)
        self._pauses = PauseControl(self._books, plan, desk)
        self._deliveries: dict[asyncio.Task[None], Delivery] = {}
        self._changed = asyncio.Event()
        self._roomy = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self.state: LaneState = "taking_over"
        self.blocked: Blocked | None = None

    async def run(self) -> None:
        """Serve the lane until cancelled."""
        try:
            start = await self._lease.begin()
            await self._desk.controls.known()
            self._pauses.begin(start)
            if not start.is_clean:
                await self._hold()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._limiter.run(), name=f"limiter {self._plan.name}")
                tasks.create_task(self._serve(), name=f"serve {self._plan.name}")
                trims = trim_always(self._lease, self._books, self._desk)
                tasks.create_task(trims, name=f"trim {self._plan.name}")
        finally:
            self._progress.busy(False)
            self._budget.release(self._plan.name)
            self._desk.telemetry.lane_released(lane=self._plan.label)

    async def drain(self) -> None:
        """Return once no request is on its way and every answer is written down."""
        await self._drained.wait()
        self._books.report()

    @property
    def name(self) -> str:
        return self._plan.name

    def status(self) -> Mapping[str, object]:
        """What operators are shown of the lane."""
        return {
            "state": self.state,
            "cause": None if self.blocked is None else self.blocked.cause,
            "detail": None if self.blocked is None else self.blocked.detail,
            "waiting_records": self._books.queue.count,
            "requests_in_flight": len(self._deliveries),
            "window_records": self._books.window_records(),
            "cap": self._plan.cap,
            "next_offset_to_settle": self._books.tracker.committable,
            "paused_audiences": self._pauses.status(),
        }

    async def _hold(self) -> None:
        """Send nothing that a request of the former owner, still at work, could overtake."""
        self._show("taking_over")
        log.info("lane on hold", lane=self._plan.name, seconds=self._plan.late_seconds)
        await asyncio.sleep(self._plan.late_seconds)

    async def _serve(self) -> None:
        while True:
            await self._session()
            self._show("blocked")
            self._books.forget_waiting()
            self._occupy()
            self._lease.pause()
            await asyncio.sleep(max(self._plan.probe_seconds, self._books.late_for()))
            self._lease.seek(self._books.tracker.committable)

    async def _session(self) -> None:
        """Read and send until something stops the lane; first ask, if it was stopped before."""
        blocked_before, self.blocked = self.blocked, None
        async with asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(self._read(), name=f"read {self._plan.name}"),
                tasks.create_task(self._replaying().run(), name=f"replay {self._plan.name}"),
            ]
            if blocked_before is not None:
                await self._probe(blocked_before, tasks)
            blocked = await self._pump(tasks)
            await self._deliveries_end()
            for reader in readers:
                reader.cancel()
        if blocked != blocked_before:
            log.error(
                "lane blocked", lane=self._plan.name, cause=blocked.cause, detail=blocked.detail
            )

    # Reading ahead

    async def _read(self) -> None:
        self._progress.busy(True)
        while True:
            await self._room()
            records = await self._lease.fetch(FETCH_RECORDS)
            self._progress.advance()
            self._pauses.apply_requests()
            unusable = self._books.admit(records)
            self._took_in()
            if unusable:
                # Nothing else must be read meanwhile, but a broker that is away is no hang.
                self._progress.busy(False)
                await self._books.unusable(unusable)
                self._progress.busy(True)

    def _took_in(self) -> None:
        self._occupy()
        self._changed.set()

    def _replaying(self) -> Replaying:
        return Replaying(
            self._books,
            self._pauses,
            self._desk.new_replay(self._lease.topic),
            has_room=self._has_room,
            roomy=self._roomy,
            took_in=self._took_in,
        )

    async def _room(self) -> None:
        """Pause when the lane is full, and go on only when half of its share is free again."""
        if self._has_room():
            return
        self._lease.pause()
        self._progress.busy(False)
        half = self._plan.limits.max_bytes
        while self._budget.room(self._plan.name) < half and not self._is_idle():
            self._roomy.clear()
            await until(self._roomy, LOOK_AGAIN_SECONDS)
        self._progress.busy(True)

    def _has_room(self) -> bool:
        return self._budget.room(self._plan.name) > 0 or self._is_idle()

    def _is_idle(self) -> bool:
        """Nothing to send: then what fills the lane are offsets, and only reading frees those."""
        return self._books.queue.is_empty and not self._deliveries

    def _occupy(self) -> None:
        self._budget.occupy(self._plan.name, self._books.used_bytes)
        self._desk.telemetry.buffered_bytes(self._budget.used)
        self._roomy.set()

    # Sending

    async def _probe(self, before: Blocked, tasks: asyncio.TaskGroup) -> None:
        """Send one record alone, to learn whether the lane may go on.

        After refusals it may be that one which is bad, so then a few of its neighbours follow.
        """
        is_doubted = before.cause == "mostly_refused"
        while self.blocked is None:
            await self._lease.wait_held()
            self._pauses.apply_requests()
            batch = self._books.queue.take_probe(HOPELESS_RUN if is_doubted else 1)
            self._changed.clear()
            if batch is None:
                await until(self._changed, LOOK_AGAIN_SECONDS)
                continue
            self._start(batch, tasks, is_doubted=is_doubted)
            await self._deliveries_end()
            if self.blocked is None:
                log.info("lane resumed", lane=self._plan.name)
            return

    async def _pump(self, tasks: asyncio.TaskGroup) -> Blocked:
        """Start every delivery as soon as it is due and has a slot, until the lane stops."""
        while self.blocked is None:
            await self._lease.wait_held()
            wait = self._dispatch(tasks)
            self._changed.clear()
            await until(self._changed, wait)
        return self.blocked

    def _dispatch(self, tasks: asyncio.TaskGroup) -> float:
        """Start what may start now; returns seconds until there may be more."""
        self._pauses.apply_requests()
        now = asyncio.get_running_loop().time()
        waits = [LOOK_AGAIN_SECONDS]
        if (cooling := self._books.cool_down()) is not None:
            waits.append(cooling)
        silence = self._books.silence()
        self._show("throttled" if silence > 0 else "running")
        self._books.show_cap()
        if silence > 0:
            return min(*waits, silence)
        while len(self._deliveries) < self._plan.max_in_flight:
            batch = self._books.queue.take(now)
            if batch is None:
                due = self._books.queue.due_in(now)
                return min(*waits, *(() if due is None else (due,)), LOOK_AGAIN_SECONDS)
            self._start(batch, tasks)
        return min(waits)

    def _start(self, batch: Batch, tasks: asyncio.TaskGroup, *, is_doubted: bool = False) -> None:
        delivery = Delivery(
            batch=batch,
            lane=self._books,
            upload=self._upload,
            ownership=self._lease,
            reservation=Reservation(
                self._limiter, min(record.admitted_at for record in batch.records)
            ),
            backoff=self._plan.backoff,
            chance=self._desk.chance,
            moved=self._moved,
            is_doubted=is_doubted,
        )
        self._books.taken(batch)
        task = tasks.create_task(self._deliver(delivery), name=f"deliver {self._plan.name}")
        self._deliveries[task] = delivery
        self._roomy.set()
        task.add_done_callback(self._ended)

    async def _deliver(self, delivery: Delivery) -> None:
        blocked = await delivery.run()
        if delivery.is_done:
            self._books.answered(delivery.batch, was_in_doubt=delivery.was_in_doubt)
        elif blocked is not None and self.blocked is None:
            self._block(blocked)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._deliveries[task]
        self._progress.advance()
        self._moved()
        self._occupy()
        self._changed.set()

    def _block(self, blocked: Blocked) -> None:
        """Let requests on their way be answered; end those that only wait for their turn."""
        self.blocked = blocked
        for task, delivery in self._deliveries.items():
            delivery.stopping = True
            if delivery.is_waiting:
                task.cancel()

    async def _deliveries_end(self) -> None:
        while self._deliveries:
            self._changed.clear()
            await self._changed.wait()

    def _moved(self) -> None:
        active = any(not delivery.is_waiting for delivery in self._deliveries.values())
        if active:
            self._drained.clear()
        else:
            self._drained.set()
        self._books.show_in_flight(active)

    def _paid_after(self, seconds: float) -> None:
        self._desk.telemetry.cap_waited(lane=self._plan.label, seconds=seconds)

    def _show(self, state: LaneState) -> None:
        if state != self.state:
            self.state = state
            self._desk.telemetry.lane_state(lane=self._plan.label, state=state)
