"""The first token of every client: a start with nothing but wrong credentials is refused."""

import asyncio
from collections.abc import Mapping

from pipeline.destinations.login import TokenRefused
from pipeline.http.client import PartnerClient


class StartRefused(Exception):
    """No destination can be served; the message says why and what to do."""


async def warm_up(clients: Mapping[str, PartnerClient]) -> None:
    """Fetch a token for every client.

    One that is refused stops its own lanes and no others, unless there are no others.

    Raises:
        StartRefused: every client was refused.
    """
    async with asyncio.TaskGroup() as tasks:
        asked = {
            name: tasks.create_task(client.warm_up(), name=f"token {name}")
            for name, client in clients.items()
        }
    refused = {
        name: answer.detail
        for name, task in asked.items()
        if isinstance(answer := task.result(), TokenRefused)
    }
    if refused and len(refused) == len(clients):
        raise StartRefused(
            "; ".join(
                f"destinations.{name}: no access token: {why}" for name, why in refused.items()
            )
        )
