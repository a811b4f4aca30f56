"""Waiting for something to change."""

import asyncio
import contextlib

LOOK_AGAIN_SECONDS = 1.0
"""How long to wait at most for something to change before looking again."""


async def until(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, at most so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
