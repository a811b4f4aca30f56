"""Reads a lane's topic a second time, for audiences that were resumed or set aside."""

from collections.abc import Callable

from pipeline.stages.ports import Replay
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.room import LaneRoom
from pipeline.stages.upload.settlement import Settlement

REPLAY_RECORDS = 1000


class Replaying:
    """Adds kept-back records to the queue while there is room, in the order of the topic."""

    def __init__(
        self,
        *,
        replay: Replay,
        intake: Intake,
        pauses: LanePauses,
        settlement: Settlement,
        room: LaneRoom,
        took_in: Callable[[], None],
    ) -> None:
        self._replay = replay
        self._intake = intake
        self._pauses = pauses
        self._settlement = settlement
        self._room = room
        self._took_in = took_in

    async def run(self) -> None:
        """Replay until a record blocks the intake, or until cancelled."""
        try:
            while self._intake.blocked is None:
                start = self._pauses.next_read() if self._room.is_there else None
                if start is not None:
                    await self._read(start)
                    continue
                if self._pauses.is_replaying:
                    await self._room.changed()
                    continue
                await self._replay.close()
                await self._pauses.until_replaying()
        finally:
            await self._replay.close()

    async def _read(self, start: int) -> None:
        stretch = await self._replay.read(start, REPLAY_RECORDS)
        unusable = self._pauses.replayed(start, stretch)
        self._took_in()
        if unusable:
            await self._settlement.unusable(unusable)
