"""Lets a long piece of work leave half of the time to other tasks of the event loop."""

import asyncio
import time
from types import TracebackType
from typing import Final

LEAST_SECONDS: Final = 0.002
"""The shortest sleep that a timer can measure."""


class Turns:
    """Use it in `async with` around each slice of work; a slice must not await anything.

    After each slice other tasks get a turn, and over time as much time as the slices took. A lane
    in the same process needs many turns for one request.
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
