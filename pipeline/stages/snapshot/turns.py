"""How a long piece of work leaves the event loop to others: half of the time."""

import asyncio
import time
from types import TracebackType
from typing import Final

LEAST_SECONDS: Final = 0.002
"""A shorter sleep than a timer can measure would be none."""


class Turns:
    """Used in `async with` around each slice of work, which must wait for nothing.

    Behind each slice others get their turn, and in time as much of it as the slices took: a lane
    beside it needs many turns for a request, and gets them from whoever does not take them all.
    """

    def __init__(self) -> None:
        self._began = self._owed = 0.0

    async def __aenter__(self) -> None:
        self._began = time.thread_time()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._owed += time.thread_time() - self._began
        if self._owed < LEAST_SECONDS:
            await asyncio.sleep(0)
            return
        owed, self._owed = self._owed, 0.0
        await asyncio.sleep(owed)
