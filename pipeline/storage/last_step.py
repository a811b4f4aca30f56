"""The step that makes a file visible: it cannot be called back, so it is never left half known."""

import asyncio
from typing import TypeVar

Answer = TypeVar("Answer")

_SECONDS = 10.0


async def ended(step: "asyncio.Future[Answer]") -> Answer:
    """Its result. Where we are cancelled meanwhile, its end is waited for, a while, all the same.

    A server goes on with a request whose client is gone, and so does a thread: what is taken away
    before they are done would come back.
    """
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait([step], timeout=_SECONDS)
        if step.done() and not step.cancelled():
            # Else the event loop complains of an error that nobody looked at.
            step.exception()
        raise
