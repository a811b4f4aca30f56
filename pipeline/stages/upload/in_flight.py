"""The deliveries of one lane, with their slots and their requests on the way."""

import asyncio
from collections.abc import Callable, Container

from pipeline.stages.upload.delivery import Delivery
from pipeline.stages.upload.late_members import LateMembers


class InFlight:
    """The in-flight table; its slots limit what is paid and not settled (`domain/quota.py`).

    If the partner fails on a delivery's last records again and again, the delivery steps aside
    between its attempts: it gives its slot to others, and takes one again before it pays.
    """

    def __init__(
        self,
        *,
        slots: int,
        late: LateMembers,
        moved: Callable[[], None],
        ended: Callable[[], None],
        changed: asyncio.Event,
    ) -> None:
        """`late` takes back the records that a stopped delivery has not settled."""
        self._slots = slots
        self._late = late
        self._one_moved = moved
        self._one_ended = ended
        self._changed = changed
        self._tasks: dict[asyncio.Task[None], Delivery] = {}
        self._coming_back = 0
        self._was_taken = 0
        self._drained = asyncio.Event()
        self._drained.set()

    @property
    def count(self) -> int:
        return len(self._tasks)

    @property
    def sending(self) -> int:
        """How many requests are on their way, or have an answer that is not durable yet."""
        return sum(one.is_sending for one in self._tasks.values())

    @property
    def is_clean(self) -> bool:
        """Whether the partner can no longer apply any request of ours."""
        return self._drained.is_set() and self._late.left() <= 0

    @property
    def bytes(self) -> int:
        """Memory of the records that are not settled."""
        return sum(one.bytes for one in self._tasks.values())

    @property
    def has_free_slot(self) -> bool:
        """Whether a new delivery may begin; deliveries that need their slot back come first."""
        return self._taken + self._coming_back < self._slots

    @property
    def is_busy(self) -> bool:
        """Whether any delivery has a slot."""
        return self._taken > 0

    def add(self, task: asyncio.Task[None], delivery: Delivery) -> None:
        self._tasks[task] = delivery
        self._was_taken = self._taken
        task.add_done_callback(self._ended)

    def moved(self) -> None:
        """Note that a delivery changed its state."""
        was_sending, is_sending = not self._drained.is_set(), self.sending > 0
        if is_sending != was_sending:
            (self._drained.clear if is_sending else self._drained.set)()
            self._one_moved()
        was_taken, self._was_taken = self._was_taken, self._taken
        if self._was_taken < was_taken:
            self._changed.set()

    def may_step_aside(self) -> bool:
        """Whether one more delivery may step aside, before it is known if others pass."""
        return sum(one.is_aside for one in self._tasks.values()) < self._slots

    async def take_slot(self) -> None:
        """Return when a slot is free for a delivery that stepped aside."""
        self._coming_back += 1
        try:
            while self._taken >= self._slots:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._coming_back -= 1

    def has(self, audience: str) -> bool:
        """Whether any delivery is of this audience."""
        return any(one.audience == audience for one in self._tasks.values())

    def is_busy_with(self, audiences: Container[str]) -> bool:
        """Whether any delivery of these works, beside those that stepped aside."""
        return any(one.audience in audiences and not one.is_aside for one in self._tasks.values())

    def stop(self, audience: str | None = None) -> None:
        """Stop all deliveries, or those of one audience.

        A delivery with a request on its way waits for the answer; the others end at once.
        """
        for task, delivery in self._tasks.items():
            if audience in (None, delivery.audience):
                delivery.stop()
                if not delivery.is_sending:
                    task.cancel()

    async def drained(self) -> None:
        """Return once no request is on its way and every answer is durable."""
        await self._drained.wait()

    @property
    def _taken(self) -> int:
        return sum(not one.is_aside for one in self._tasks.values())

    def _ended(self, task: asyncio.Task[None]) -> None:
        delivery = self._tasks.pop(task)
        self._late.give_back(delivery.left, was_in_doubt=delivery.was_in_doubt)
        self._one_ended()
        self.moved()
        self._changed.set()
