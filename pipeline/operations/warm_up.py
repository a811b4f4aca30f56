"""The first token of every client: a start with nothing but wrong credentials is refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pipeline.destinations.login import TokenAnswer, TokenRefused
from pipeline.http.client import PartnerClient


class StartRefused(Exception):
    """No destination can be served; the message says why and what to do."""


@asynccontextmanager
async def warmed_up(clients: Mapping[str, PartnerClient]) -> AsyncIterator[None]:
    """Ask for a token for every client; the block begins once one of them is not refused.

    A client that is refused stops its own lanes and no others, unless there are no others. One
    that gets no answer delays nobody: it is waited for beside the block.

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
