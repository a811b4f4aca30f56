"""Opens a simulated partner on a port of this machine, and closes it or serves until a stop."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

from aiohttp import web

CLOSING_SECONDS = 1.0

Simulator = TypeVar("Simulator")


class Loopback:
    """Listens at one host and port; for port 0 the system chooses one when it is opened."""

    def __init__(self, application: web.Application, host: str, port: int) -> None:
        self._application = application
        self._host = host
        self._port = port
        self._stack = AsyncExitStack()

    @property
    def origin(self) -> str:
        """The beginning of its URLs: scheme, host and port."""
        return f"http://{self._host}:{self._port}"

    async def open(self) -> None:
        """Start to listen; raises `OSError` if that is not possible."""
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=CLOSING_SECONDS)
        async with AsyncExitStack() as stack:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self._port = int(runner.addresses[0][1])
            self._stack = stack.pop_all()

    async def close(self) -> None:
        await self._stack.aclose()


async def serve_until(
    stop: asyncio.Event,
    simulator: AbstractAsyncContextManager[Simulator],
    *,
    started: Callable[[Simulator], None] = lambda _: None,
) -> None:
    """Serve until `stop` is set. `started` is called once the port is open."""
    async with simulator as running:
        started(running)
        await stop.wait()
