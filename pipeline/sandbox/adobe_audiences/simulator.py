"""A partner on loopback: started and stopped by a test, the sandbox or a stand-alone command."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from pipeline.sandbox.adobe_audiences.contracts import LANDING_ZONE_PATH, ROOT, TOKEN_PATH
from pipeline.sandbox.adobe_audiences.definitions import Definition
from pipeline.sandbox.adobe_audiences.faults import FaultScript, ScriptedFault
from pipeline.sandbox.adobe_audiences.files import Files, FolderFiles
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.run_state import Run
from pipeline.sandbox.adobe_audiences.server import LoggedRequest, Server
from pipeline.sandbox.adobe_audiences.view import (
    AudienceView,
    Totals,
    View,
    audience_views,
    totals,
)
from pipeline.sandbox.adobe_audiences.world import build_world

CLOSING_SECONDS = 1.0


class AdobeSimulator:
    """The external audiences API as far as this project uses it, as strict as the real one.

    `files` is the storage it fetches from: a folder of this machine, or anything that can list and
    read. `clock` gives seconds since the epoch and decides everything that depends on time;
    `sleep` is what latencies are made of. The same `random` gives the same ids and the same seeded
    faults for the same requests.
    """

    def __init__(
        self,
        *,
        files: Files | Path,
        random: Random,
        options: SimulatorOptions | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        options = options or SimulatorOptions()
        storage = FolderFiles(files) if isinstance(files, Path) else files
        self._clock = clock
        self._host = host
        self._port = port
        self._world = build_world(options, storage, random)
        self._server = Server(
            world=self._world,
            clock=clock,
            sleep=sleep,
            recent=deque(maxlen=options.logged_requests),
        )
        self._application = self._server.application()
        View(self._world, self._server, clock).add_to(self._application)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=CLOSING_SECONDS)
        async with AsyncExitStack() as stack:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self._port = int(runner.addresses[0][1])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def origin(self) -> str:
        return f"http://{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """What `api_url` is to say."""
        return self.origin + ROOT

    @property
    def token_url(self) -> str:
        return self.origin + TOKEN_PATH

    @property
    def landing_zone_url(self) -> str:
        return self.origin + LANDING_ZONE_PATH

    @property
    def faults(self) -> FaultScript:
        return self._world.faults

    def script(self, *entries: ScriptedFault) -> None:
        """Misbehave so from now on; in this order where several match."""
        self._world.faults.script(entries, self._clock())

    def know(self, audience_id: str, definition: Definition) -> None:
        """Have an audience of this id that nobody has to create."""
        self._world.audiences.know(audience_id, definition, self._clock())

    def expire_tokens(self) -> None:
        """Make all access tokens issued so far useless."""
        self._world.tokens.expire_all()

    async def membership(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """Who is in each audience now: the cells of the row by identity, by audience id."""
        now = await self._world.advance(self._clock)
        audiences = self._world.audiences.all(now)
        return {name: audience.members.rows for name, audience in audiences.items()}

    async def audiences(self) -> Mapping[str, AudienceView]:
        """By id."""
        return audience_views(self._world, await self._world.advance(self._clock))

    async def runs(self) -> Sequence[Run]:
        """All that have begun, the oldest first."""
        await self._world.advance(self._clock)
        return self._world.runs.all()

    async def totals(self) -> Totals:
        now = await self._world.advance(self._clock)
        return totals(self._world, dict(self._server.counts), now)

    def requests(self) -> Sequence[LoggedRequest]:
        """The last requests, oldest first."""
        return tuple(self._server.recent)


async def run_simulator(
    options: SimulatorOptions,
    files: Files | Path,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    random: Random,
    started: Callable[[AdobeSimulator], None] = lambda _: None,
) -> None:
    """Serve until asked to stop. `started` is called once the port is open."""
    async with AdobeSimulator(
        options=options, files=files, random=random, host=host, port=port
    ) as running:
        started(running)
        await stop.wait()
