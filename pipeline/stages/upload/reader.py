"""Reads a lane's topic ahead of what is sent, as far as its memory allows."""

from collections.abc import Callable

from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.upload.intake import Intake
from pipeline.stages.upload.pauses import LanePauses
from pipeline.stages.upload.room import LaneRoom
from pipeline.stages.upload.settlement import Settlement

FETCH_RECORDS = 1000
"""Most records of one fetch; at about 5 µs each they occupy the event loop for 5 ms."""


class LaneReader:
    """Takes in record after record, and dead-letters records that cannot be sent at all."""

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
        """Read until a record blocks the intake."""
        self._progress.busy(True)
        while self._intake.blocked is None:
            if not self._room.is_there:
                await self._rest()
            await self._read()
        self._progress.busy(False)
        self._lease.pause()

    async def _rest(self) -> None:
        """Wait for room; this is no hang, and other lanes must not wait for this one."""
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
            # Nothing else may be read before this is settled, but a broker that is away is no hang.
            self._progress.busy(False)
            await self._settlement.unusable(unusable)
            self._progress.busy(True)
