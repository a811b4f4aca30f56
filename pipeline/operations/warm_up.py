"""Gets the first token of every client; refuses a start if all credentials are wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pipeline.destinations.login import TokenAnswer, TokenRefused
from pipeline.http.client import PartnerClient


class StartRefused(Exception):
    """No destination can be served; the message has the reason and the remedy."""


@asynccontextmanager
async def warmed_up(clients: Mapping[str, PartnerClient]) -> AsyncIterator[None]:
    """Ask for a token for every client; the block begins once one client is not refused.

    A refused client stops only its own lanes. A client without an answer does not delay the block:
    its request goes on beside it.

    Raises:
        StartRefused: every client was refused.
    """
    async with asyncio.TaskGroup() as tasks:
        asked = {
            tasks.create_task(client.warm_up(), name=f"token {name}"): name
            for name, client in clients.items()
        }
        await _until_one_is_not_refused(asked)
        yield
        for task in asked:
            task.cancel()


async def _until_one_is_not_refused(asked: Mapping[asyncio.Task[TokenAnswer], str]) -> None:
    refused: dict[str, str] = {}
    waiting = set(asked)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            answer = task.result()
            if not isinstance(answer, TokenRefused):
                return
            refused[asked[task]] = answer.detail
    if refused:
        said = (f"destinations.{name}: no access token: {why}" for name, why in refused.items())
        raise StartRefused("; ".join(said))
