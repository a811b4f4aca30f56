"""Gives the batches of a lane their slots, for as long as nothing blocks the lane."""

import asyncio
from collections.abc import Callable
from functools import partial

from pipeline.domain.send_result import Blocked
from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import Batch, LaneQueue
from pipeline.stages.upload.cap_use import CapUse
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.delivery import Delivery
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.refused_audiences import RefusedAudiences
from pipeline.stages.upload.requests import LaneRequests
from pipeline.stages.upload.room import LaneRoom
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until

IDLE_SECONDS = 60.0
"""An idle lane looks again after this time; its reader wakes it earlier if records come."""

NewDelivery = Callable[[Batch, bool, Callable[[Blocked], None]], Delivery]
"""Makes a delivery from a batch, whether it is doubted, and a callback that blocks the lane."""


class Dispatcher:
    """Starts each delivery as soon as it is due and has a slot, the oldest record first."""

    def __init__(
        self,
        *,
        lane: str,
        lease: Lease,
        queue: LaneQueue,
        intake: Intake,
        in_flight: InFlight,
        late: LateMembers,
        offsets: LaneOffsets,
        pauses: LanePauses,
        refused: RefusedAudiences,
        room: LaneRoom,
        requests: LaneRequests,
        condition: LaneCondition,
        cap_use: CapUse,
        new_delivery: NewDelivery,
        sent: Callable[[Batch], None],
        clock: Callable[[], float],
        changed: asyncio.Event,
    ) -> None:
        self._lane = lane
        self._lease = lease
        self._queue = queue
        self._intake = intake
        self._in_flight = in_flight
        self._late = late
        self._offsets = offsets
        self._pauses = pauses
        self._refused = refused
        self._room = room
        self._requests = requests
        self._condition = condition
        self._cap_use = cap_use
        self._new_delivery = new_delivery
        self._sent = sent
        self._clock = clock
        self._changed = changed
        self._blocked: Blocked | None = None

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Send until something blocks the lane; if it was blocked before, send a probe first."""
        self._blocked = None
        if self._condition.blocked_for_all is not None:
            await self._probe(tasks)
        while (blocked := self._found()) is None:
            await self._lease.wait_held()
            await self._look_again_in(self._dispatch(tasks))
        self._block(blocked)
        await self._ended()

    async def _ended(self) -> None:
        while self._in_flight.count:
            await self._look_again_in(LOOK_AGAIN_SECONDS)

    # The probe of a blocked lane

    async def _probe(self, tasks: asyncio.TaskGroup) -> None:
        """Send a probe alone; the lane goes on unless the probe blocks it again.

        If the probe fails in another way, the cause of the block is gone all the same.
        """
        batch = await self._probe_batch()
        if batch is None:
            return
        self._start(batch, tasks, is_doubted=batch.audience in self._refused)
        while self._in_flight.is_busy:
            await self._look_again_in(LOOK_AGAIN_SECONDS)
        if self._blocked is None:
            self._condition.passed_probe()

    async def _probe_batch(self) -> Batch | None:
        """Return the batch for the probe; None if nothing can be read."""
        while self._blocked_intake() is None:
            await self._lease.wait_held()
            self._pauses.apply_requests()
            audience = self._queue.first(without=self._refused) or self._queue.first()
            if audience is not None:
                return self._take_few(audience)
            await self._look_again_in(LOOK_AGAIN_SECONDS)
        return None

    def _take_few(self, audience: str) -> Batch | None:
        """Take one record, or a few of a refused audience, because the first may be poison."""
        few = self._refused.question_size if audience in self._refused else 1
        return self._queue.take_probe(audience, few)

    # Batches that are due

    def _dispatch(self, tasks: asyncio.TaskGroup) -> float:
        """Start the deliveries that are due; return the seconds until the next look."""
        self._pauses.apply_requests()
        self._look_at_refused()
        self._show_blocked_intake()
        cooled_in = self._late.cool_down()
        self._cap_use.show()
        silence = self._requests.silence()
        self._condition.show("throttled" if silence > 0 else "running")
        if silence <= 0:
            self._ask(tasks)
            self._start_due(tasks)
        look_in = IDLE_SECONDS if self._is_idle else LOOK_AGAIN_SECONDS
        due_in = self._queue.due_in(self._clock(), self._refused)
        waits = [silence, cooled_in, due_in, self._refused.due_in(self._clock()), look_in]
        return min(one for one in waits if one)

    @property
    def _is_idle(self) -> bool:
        """Whether there is nothing to send, and no audience is paused, replayed or refused."""
        is_waiting = self._pauses.are_any or self._refused
        return not (self._queue.count or self._in_flight.count or is_waiting)

    def _start_due(self, tasks: asyncio.TaskGroup) -> None:
        while self._in_flight.has_free_slot:
            batch = self._queue.take(self._clock(), self._refused)
            if batch is None:
                return
            self._start(batch, tasks)

    def _start(self, batch: Batch, tasks: asyncio.TaskGroup, *, is_doubted: bool = False) -> None:
        block = partial(self._block, audience=batch.audience, began=self._clock())
        delivery = self._new_delivery(batch, is_doubted, block)
        self._sent(batch)
        task = tasks.create_task(delivery.run(), name=f"deliver {self._lane}")
        self._in_flight.add(task, delivery)

    # Audiences that are refused

    def _look_at_refused(self) -> None:
        """End the refusal of an audience that is paused or has no open records.

        If the memory is full, set a refused audience aside, so that others do not wait.
        """
        for audience in self._refused:
            if self._pauses.is_paused(audience) or self._is_over(audience):
                self._condition.ends_refusal(audience)
            elif not self._room.is_half_free and self._takes_room(audience):
                self._pauses.set_aside(audience)
                self._room.occupy()

    def _takes_room(self, audience: str) -> bool:
        """Whether more of it waits than it takes to ask, beside what a question brings back."""
        if self._queue.waiting(audience) > 2 * self._refused.question_size:
            return True
        return not self._pauses.keeps(audience)

    def _is_over(self, audience: str) -> bool:
        """Whether every record of the audience that was ever read is settled.

        While the lane reads a stretch again, nobody knows what it will find there.
        """
        if self._pauses.has(audience) or self._in_flight.has(audience):
            return False
        return self._offsets.has_read_all and not self._queue.has(audience)

    def _ask(self, tasks: asyncio.TaskGroup) -> None:
        """Send a few records of a refused audience that is due; one audience at a time.

        A question that stepped aside may never end, so it delays no other question.
        """
        is_asking = self._in_flight.is_busy_with(self._refused)
        if is_asking or not self._in_flight.has_free_slot:
            return
        for audience in self._refused.due(self._clock()):
            if self._in_flight.has(audience):
                continue
            if (batch := self._take_few(audience)) is not None:
                self._start(batch, tasks, is_doubted=True)
                return

    # Blocked

    def _block(self, blocked: Blocked, audience: str | None = None, began: float = 0.0) -> None:
        if audience is not None and blocked.cause == "mostly_refused":
            self._condition.refuse(audience, blocked, began=began)
            self._in_flight.stop(audience)
            return
        if self._blocked is None:
            self._blocked = blocked
            self._condition.block(blocked)
        self._in_flight.stop()

    def _found(self) -> Blocked | None:
        return self._blocked or self._blocked_intake()

    def _blocked_intake(self) -> Blocked | None:
        """Return why the topic cannot be read further, once every earlier record is settled."""
        if self._queue.count or self._in_flight.is_busy:
            return None
        return self._intake.blocked

    def _show_blocked_intake(self) -> None:
        """Show why nothing more is read, even if records of refused audiences still wait."""
        if self._intake.blocked is None:
            return
        if self._queue.count == sum(map(self._queue.waiting, self._refused)):
            self._condition.block(self._intake.blocked)

    async def _look_again_in(self, seconds: float) -> None:
        self._changed.clear()
        await until(self._changed, seconds)
