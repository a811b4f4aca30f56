"""Uploads one lane from its topic to the partner, never over its cap and never out of order."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping

from pipeline.domain.send_result import Blocked
from pipeline.stages.upload.blocked_wait import BlockedWait
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.dispatcher import Dispatcher
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.reader import LaneReader
from pipeline.stages.upload.replaying import Replaying
from pipeline.stages.upload.status import LaneStatus
from pipeline.stages.upload.takeover import Takeover
from pipeline.telemetry.facts import LaneState


class UploadWorker:
    """Serves one lane: reads ahead within its memory, batches, pays, sends, settles.

    A blocked lane empties its memory, sends a probe every minute, and resumes by itself.
    """

    def __init__(
        self,
        *,
        name: str,
        takeover: Takeover,
        offsets: LaneOffsets,
        intake: Intake,
        in_flight: InFlight,
        condition: LaneCondition,
        status: LaneStatus,
        dispatcher: Dispatcher,
        reader: LaneReader,
        new_replaying: Callable[[], Replaying],
        blocked_wait: BlockedWait,
        beside: Mapping[str, Callable[[], Coroutine[None, None, None]]],
        rejecting: asyncio.Lock,
        released: Callable[[], None],
    ) -> None:
        """`rejecting` is locked while a dead letter is written and its offset is settled.

        `beside`: tasks that run for as long as the lane is served, by name.
        """
        self.name = name
        self._takeover = takeover
        self._offsets = offsets
        self._intake = intake
        self._in_flight = in_flight
        self._condition = condition
        self._status = status
        self._dispatcher = dispatcher
        self._reader = reader
        self._new_replaying = new_replaying
        self._blocked_wait = blocked_wait
        self._beside = beside
        self._rejecting = rejecting
        self._released = released

    async def run(self) -> None:
        """Serve the lane until cancelled."""
        try:
            await self._takeover.run()
            async with asyncio.TaskGroup() as tasks:
                for what, run in self._beside.items():
                    tasks.create_task(run(), name=f"{what} {self.name}")
                tasks.create_task(self._serve(), name=f"serve {self.name}")
        finally:
            self._released()

    async def drain(self) -> None:
        """Return once no request is on its way and every answer is durable."""
        await self._in_flight.drained()
        self._offsets.report()

    @property
    def state(self) -> LaneState:
        return self._condition.state

    @property
    def blocked(self) -> Blocked | None:
        """What a person must repair, for the whole lane or for one audience."""
        return self._condition.blocked

    def status(self) -> Mapping[str, object]:
        """Return the lane's entry in /status."""
        return self._status.shown()

    async def _serve(self) -> None:
        while True:
            await self._until_blocked()
            await self._blocked_wait.run()

    async def _until_blocked(self) -> None:
        self._intake.begin_again()
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(self._reader.run(), name=f"read {self.name}"),
                tasks.create_task(self._new_replaying().run(), name=f"replay {self.name}"),
            ]
            await self._dispatcher.run(tasks)
            async with self._rejecting:
                for one in reading:
                    one.cancel()
