"""Upload: one lane, from its topic to the partner, never over its cap and never out of order."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping

import structlog

from pipeline.domain.send_result import Blocked
from pipeline.stages.ports import Lease
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.dispatcher import Dispatcher
from pipeline.stages.upload.in_flight import InFlight
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.reader import LaneReader
from pipeline.stages.upload.replaying import Replaying
from pipeline.stages.upload.status import LaneStatus
from pipeline.telemetry.facts import LaneState

log = structlog.get_logger(__name__)


class UploadWorker:
    """Owns one lane: reads ahead within its memory, batches, pays, posts, settles.

    A blocked lane lets go of what it has read, asks with one record every minute whether it may
    go on, and resumes by itself.
    """

    def __init__(
        self,
        *,
        name: str,
        lease: Lease,
        late_seconds: float,
        probe_seconds: float,
        offsets: LaneOffsets,
        intake: Intake,
        in_flight: InFlight,
        late: LateMembers,
        pauses: LanePauses,
        condition: LaneCondition,
        status: LaneStatus,
        dispatcher: Dispatcher,
        reader: LaneReader,
        new_replaying: Callable[[], Replaying],
        beside: Mapping[str, Callable[[], Coroutine[None, None, None]]],
        rejecting: asyncio.Lock,
        let_go: Callable[[], None],
        released: Callable[[], None],
    ) -> None:
        """`rejecting` is taken while a dead letter and its offset are made durable.

        `beside`: what runs for as long as the lane is served, by the names of the tasks.
        """
        self.name = name
        self._lease = lease
        self._late_seconds = late_seconds
        self._probe_seconds = probe_seconds
        self._offsets = offsets
        self._intake = intake
        self._in_flight = in_flight
        self._late = late
        self._pauses = pauses
        self._condition = condition
        self._status = status
        self._dispatcher = dispatcher
        self._reader = reader
        self._new_replaying = new_replaying
        self._beside = beside
        self._rejecting = rejecting
        self._let_go = let_go
        self._released = released

    async def run(self) -> None:
        """Serve the lane until cancelled."""
        try:
            await self._take_over()
            async with asyncio.TaskGroup() as tasks:
                for what, run in self._beside.items():
                    tasks.create_task(run(), name=f"{what} {self.name}")
                tasks.create_task(self._serve(), name=f"serve {self.name}")
        finally:
            self._released()

    async def drain(self) -> None:
        """Return once no request is on its way and every answer is written down."""
        await self._in_flight.drained()
        self._offsets.report()

    @property
    def state(self) -> LaneState:
        return self._condition.state

    @property
    def blocked(self) -> Blocked | None:
        """What a person must mend before the lane goes on."""
        return self._condition.blocked

    def status(self) -> Mapping[str, object]:
        """What operators are shown of the lane."""
        return self._status.shown()

    async def _take_over(self) -> None:
        """Send nothing that a request of the former owner, still at work, could overtake."""
        self._condition.show("taking_over")
        start = await self._lease.begin()
        if not start.is_clean:
            self._late.note()
        await self._pauses.begin(start)
        self._offsets.report()
        if not start.is_clean:
            log.info("lane waits for its former owner", lane=self.name, seconds=self._late_seconds)
            await asyncio.sleep(self._late_seconds)

    async def _serve(self) -> None:
        while True:
            await self._until_blocked()
            self._let_go()
            await asyncio.sleep(max(self._probe_seconds, self._late.left()))
            self._lease.seek(self._offsets.committable)

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
