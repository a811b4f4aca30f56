"""Gives the batches of a lane their slots, for as long as nothing blocks the lane."""

import asyncio
from collections.abc import Callable
from functools import partial

from pipeline.domain.send_result import Blocked
from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import Batch, LaneQueue
from pipeline.stages.upload.bisector import HOPELESS_RUN
from pipeline.stages.upload.cap_use import CapUse
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.delivery import Delivery
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.requests import LaneRequests
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until

IDLE_SECONDS = 60.0
"""A lane with nothing to send hears of its reader more often than that."""

NewDelivery = Callable[[Batch, bool, Callable[[Blocked], None]], Delivery]
"""For a batch; whether it is doubted; and whom it tells that the lane is blocked."""


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
        requests: LaneRequests,
        condition: LaneCondition,
        cap_use: CapUse,
        new_delivery: NewDelivery,
        sent: Callable[[Batch], None],
        clock: Callable[[], float],
        changed: asyncio.Event,
        probe_seconds: float,
    ) -> None:
        self._lane = lane
        self._lease = lease
        self._queue = queue
        self._intake = intake
        self._in_flight = in_flight
        self._late = late
        self._offsets = offsets
        self._pauses = pauses
        self._requests = requests
        self._condition = condition
        self._cap_use = cap_use
        self._new_delivery = new_delivery
        self._sent = sent
        self._clock = clock
        self._changed = changed
        self._probe_seconds = probe_seconds
        self._blocked: Blocked | None = None
        self._refused_before = 0
        """Up to where the lane had been read when most of an audience was refused."""

    async def run(self, tasks: asyncio.TaskGroup) -> bool:
        """Send until something blocks the lane; first ask, if it was blocked before.

        Returns whether it is time to ask at once: others had their turn since the last question.
        """
        self._blocked = None
        if self._condition.blocked is not None:
            await self._probe(self._condition.blocked, tasks)
        while (blocked := self._found()) is None:
            await self._lease.wait_held()
            await self._look_again_in(self._dispatch(tasks))
        self._block(blocked)
        await self._ended()
        refused = self._condition.refused
        return refused is not None and await self._serve_others(refused, tasks)

    async def _serve_others(self, refused: str, tasks: asyncio.TaskGroup) -> bool:
        """Until the next question the lane is that of all audiences but the one refused.

        They are served as far as the memory of the lane goes: what waits of that one stays in it.
        """
        self._blocked = None
        until_at = self._clock() + self._probe_seconds
        while self._found() is None and (left := until_at - self._clock()) > 0:
            await self._lease.wait_held()
            await self._look_again_in(min(left, self._dispatch(tasks, without=refused)))
        is_time = self._clock() >= until_at
        self._in_flight.stop()
        await self._ended()
        return is_time

    async def _ended(self) -> None:
        while self._in_flight.count:
            await self._look_again_in(LOOK_AGAIN_SECONDS)

    # Asking whether a blocked lane may go on

    async def _probe(self, before: Blocked, tasks: asyncio.TaskGroup) -> None:
        """Send one record alone; after refusals it may be that one which is bad, so then a few.

        A probe that fails is no reason to go on asking: whatever blocked the lane is gone.
        """
        is_doubted = before.cause == "mostly_refused"
        batch = await self._probe_batch(HOPELESS_RUN if is_doubted else 1)
        if batch is None:
            return
        self._start(batch, tasks, is_doubted=is_doubted)
        while self._in_flight.is_busy:
            await self._look_again_in(LOOK_AGAIN_SECONDS)
        if self._blocked is None:
            self._condition.passed_probe()

    async def _probe_batch(self, most: int) -> Batch | None:
        """What to ask with; None when nothing can be read."""
        while self._blocked_intake() is None:
            await self._lease.wait_held()
            self._pauses.apply_requests()
            if (batch := self._queue.take_probe(most)) is not None:
                return batch
            await self._look_again_in(LOOK_AGAIN_SECONDS)
        return None

    # Sending what is due

    def _dispatch(self, tasks: asyncio.TaskGroup, without: str | None = None) -> float:
        """Start what may start now, but for one; returns seconds until there may be more."""
        self._pauses.apply_requests()
        self._look_at_refused()
        cooled_in = self._late.cool_down()
        self._cap_use.show()
        silence = self._requests.silence()
        self._condition.show("throttled" if silence > 0 else "running")
        if silence <= 0:
            self._start_due(tasks, without)
        look_in = IDLE_SECONDS if self._is_idle else LOOK_AGAIN_SECONDS
        waits = [silence, cooled_in, self._queue.due_in(self._clock()), look_in]
        return min(one for one in waits if one)

    @property
    def _is_idle(self) -> bool:
        """Nothing to send, and nothing on which an operator may have another word."""
        is_waiting = self._pauses.are_any or self._condition.refused is not None
        return not (self._queue.count or self._in_flight.count or is_waiting)

    def _look_at_refused(self) -> None:
        """An audience that is paused, or whose records all have their end, blocks nothing."""
        refused = self._condition.refused
        if refused is None:
            return
        if self._pauses.keeps(refused) or self._offsets.committable >= self._refused_before:
            self._condition.took(refused)

    def _start_due(self, tasks: asyncio.TaskGroup, without: str | None) -> None:
        while self._in_flight.has_free_slot:
            batch = self._queue.take(self._clock(), without)
            if batch is None:
                return
            self._start(batch, tasks)

    def _start(self, batch: Batch, tasks: asyncio.TaskGroup, *, is_doubted: bool = False) -> None:
        block = partial(self._block, audience=batch.audience)
        delivery = self._new_delivery(batch, is_doubted, block)
        self._sent(batch)
        task = tasks.create_task(delivery.run(), name=f"deliver {self._lane}")
        self._in_flight.add(task, delivery)

    # Blocked

    def _block(self, blocked: Blocked, audience: str | None = None) -> None:
        if self._blocked is None:
            self._blocked = blocked
            self._refused_before = self._offsets.position
            self._condition.block(blocked, audience if blocked.cause == "mostly_refused" else None)
        self._in_flight.stop()

    def _found(self) -> Blocked | None:
        return self._blocked or self._blocked_intake()

    def _blocked_intake(self) -> Blocked | None:
        """What stands in the topic cannot be read on, and everything before it has its end."""
        if self._queue.count or self._in_flight.is_busy:
            return None
        return self._intake.blocked

    async def _look_again_in(self, seconds: float) -> None:
        self._changed.clear()
        await until(self._changed, seconds)
