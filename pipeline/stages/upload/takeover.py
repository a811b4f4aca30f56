"""Takes over a lane from its former owner, whose last requests may still arrive."""

import asyncio

import structlog

from pipeline.stages.ports import Lease
from pipeline.stages.upload.condition import LaneCondition
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.pauses import LanePauses

log = structlog.get_logger(__name__)


class Takeover:
    """Finds the offset of the former owner; waits if a request of that owner can still arrive."""

    def __init__(
        self,
        *,
        lane: str,
        lease: Lease,
        late: LateMembers,
        late_seconds: float,
        pauses: LanePauses,
        offsets: LaneOffsets,
        condition: LaneCondition,
    ) -> None:
        self._lane = lane
        self._lease = lease
        self._late = late
        self._late_seconds = late_seconds
        self._pauses = pauses
        self._offsets = offsets
        self._condition = condition

    async def run(self) -> None:
        """Return once no request of the former owner can overtake a request of ours."""
        self._condition.show("taking_over")
        start = await self._lease.begin()
        if not start.is_clean:
            self._late.note()
        await self._pauses.begin(start)
        self._offsets.report()
        if not start.is_clean:
            log.info("lane waits for its former owner", lane=self._lane, seconds=self._late_seconds)
            await asyncio.sleep(self._late_seconds)
