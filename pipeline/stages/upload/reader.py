"""Reads a lane's topic ahead of what is sent, as far as its memory allows."""

from collections.abc import Callable

from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.room import LaneRoom
from pipeline.stages.upload.settlement import Settlement

FETCH_RECORDS = 1000
"""At most this many at once: at about 5 µs each they hold the event loop for 5 ms."""


class LaneReader:
    """Takes in record after record, and dead-letters what cannot be sent at all."""

    def __init__(
        self,
        *,
        lease: Lease,
        intake: Intake,
        pauses: LanePauses,
        settlement: Settlement,
        room: LaneRoom,
        progress: Progress,
        took_in: Callable[[], None],
    ) -> None:
        self._lease = lease
        self._intake = intake
        self._pauses = pauses
        self._settlement = settlement
        self._room = room
        self._progress = progress
        self._took_in = took_in

    async def run(self) -> None:
        """Read on until a record shows that nothing behind it may be read."""
        self._progress.busy(True)
        while self._intake.blocked is None:
            if not self._room.is_there:
                await self._rest()
            await self._read()
        self._progress.busy(False)
        self._lease.pause()

    async def _rest(self) -> None:
        """Waiting for room is no hang, and others must not wait for this lane."""
        self._lease.pause()
        self._progress.busy(False)
        await self._room.until_half()
        self._progress.busy(True)

    async def _read(self) -> None:
        records = await self._lease.fetch(FETCH_RECORDS)
        self._progress.advance()
        self._pauses.apply_requests()
        unusable = self._intake.admit(records)
        self._took_in()
        if unusable:
            # Nothing else must be read meanwhile, but a broker that is away is no hang.
            self._progress.busy(False)
            await self._settlement.unusable(unusable)
            self._progress.busy(True)
