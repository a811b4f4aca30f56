"""Runs the step that makes a file visible: it cannot be stopped, so we always wait for its end."""

import asyncio
from typing import TypeVar

Answer = TypeVar("Answer")

_SECONDS = 10.0


async def ended(step: "asyncio.Future[Answer]") -> Answer:
    """Return the result of the step; if we are cancelled, still wait a while for its end.

    A server goes on with a request whose client is gone, and so does a thread. If we deleted the
    file before they are done, it would come back.
    """
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step], timeout=_SECONDS)
        if step.done() and not step.cancelled():
            # Otherwise the event loop logs an error that nobody read.
            step.exception()
        raise
