"""Reads a lane's topic a second time, for audiences that were resumed."""

import asyncio
from collections.abc import Callable

from pipeline.stages.ports import Replay
from pipeline.stages.upload.lane import LaneBooks
from pipeline.stages.upload.pausing import PauseControl
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until

REPLAY_RECORDS = 1000


class Replaying:
    """Hands what was kept to the lane's books while there is room, in the order of its topic."""

    def __init__(
        self,
        books: LaneBooks,
        pauses: PauseControl,
        replay: Replay,
        *,
        has_room: Callable[[], bool],
        roomy: asyncio.Event,
        took_in: Callable[[], None],
    ) -> None:
        self._books = books
        self._pauses = pauses
        self._replay = replay
        self._has_room = has_room
        self._roomy = roomy
        self._took_in = took_in

    async def run(self) -> None:
        try:
            while True:
                start = self._pauses.next_read() if self._has_room() else None
                if start is not None:
                    await self._read(start)
                    continue
                if not self._pauses.is_replaying:
                    await self._replay.close()
                self._roomy.clear()
                await until(self._roomy, LOOK_AGAIN_SECONDS)
        finally:
            await self._replay.close()

    async def _read(self, start: int) -> None:
        stretch = await self._replay.read(start, REPLAY_RECORDS)
        unusable = self._pauses.replayed(start, stretch)
        self._took_in()
        if unusable:
            await self._books.unusable(unusable)
