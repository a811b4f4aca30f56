"""How much memory one lane takes, and whether it may read on."""

import asyncio
from collections.abc import Callable

from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until


class LaneRoom:
    """One lane's part of the budget. Both readers ask it before they read."""

    def __init__(
        self,
        *,
        lane: str,
        budget: Budget,
        half: int,
        queue: LaneQueue,
        in_flight: InFlight,
        offsets: LaneOffsets,
        show: Callable[[int], None],
    ) -> None:
        self._lane = lane
        self._budget = budget
        self._half = half
        self._queue = queue
        self._in_flight = in_flight
        self._offsets = offsets
        self._show = show
        self._changed = asyncio.Event()

    @property
    def is_there(self) -> bool:
        """Whether the lane may read on."""
        return self._budget.room(self._lane) > 0 or self._is_idle

    @property
    def is_half_free(self) -> bool:
        """Whether a lane that was full may read on: so it reads in large pieces."""
        return self._budget.room(self._lane) >= self._half or self._is_idle

    def occupy(self) -> None:
        """Tell the budget what the lane takes now, and wake the readers that wait for room."""
        used = self._queue.bytes + self._in_flight.bytes + self._offsets.bytes
        self._budget.occupy(self._lane, used)
        self._show(self._budget.used)
        self._changed.set()

    async def until_half(self) -> None:
        """Return when half of the lane's share is free again."""
        while not self.is_half_free:
            await self.changed()

    async def changed(self) -> None:
        """Return when there may be more room, or when it is time to look again."""
        self._changed.clear()
        await until(self._changed, LOOK_AGAIN_SECONDS)

    def release(self) -> None:
        """Give the memory of the lane back: we do not serve it any more."""
        self._budget.release(self._lane)

    @property
    def _is_idle(self) -> bool:
        """Whether nothing is to be sent; then offsets fill the lane, and reading frees them."""
        return self._queue.count == 0 and not self._in_flight.is_busy
