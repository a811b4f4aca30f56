"""What a blocked lane does between two looks at whether it may go on: let go, wait, go back."""

import asyncio

from pipeline.stages.ports import Lease
from pipeline.stages.upload.batching import LaneQueue
from pipeline.stages.upload.late_members import LateMembers
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.room import LaneRoom


class BlockedWait:
    """Gives the memory of the lane to others, and keeps members of late requests safe."""

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
        """Return when it is time to look, with the lease at the first record without an end."""
        self.let_go()
        await asyncio.sleep(max(self._probe_seconds, self._late.left()))
        self._lease.seek(self._offsets.committable)

    def let_go(self) -> None:
        """Let go of everything read and without an end; it will be read again."""
        self._queue.clear()
        self._late.forget()
        self._offsets.turn_back()
        self._room.occupy()
        self._lease.pause()
