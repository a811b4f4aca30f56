"""A blocked lane empties its memory between two probes, waits, and reads its records again."""

import asyncio

from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.room import LaneRoom


class BlockedWait:
    """Gives the lane's memory to other lanes, and waits until no late request can be applied."""

    def __init__(
        self,
        *,
        lease: Lease,
        queue: LaneQueue,
        late: LateMembers,
        offsets: LaneOffsets,
        room: LaneRoom,
        probe_seconds: float,
    ) -> None:
        self._lease = lease
        self._queue = queue
        self._late = late
        self._offsets = offsets
        self._room = room
        self._probe_seconds = probe_seconds

    async def run(self) -> None:
        """Return when it is time for a probe; the lease then reads from the first open offset."""
        self.let_go()
        await asyncio.sleep(max(self._probe_seconds, self._late.left()))
        self._lease.seek(self._offsets.committable)

    def let_go(self) -> None:
        """Empty the lane's memory; records that are not settled will be read again."""
        self._queue.clear()
        self._late.forget()
        self._offsets.turn_back()
        self._room.occupy()
        self._lease.pause()
