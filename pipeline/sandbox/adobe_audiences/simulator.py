"""The simulated partner on a local port, for tests, the sandbox and the command `simulator`."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Self

from pipeline.sandbox.adobe_audiences.contracts import ROOT, TOKEN_PATH
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
from pipeline.sandbox.any_partner.loopback import Loopback


class AdobeSimulator:
    """The external audiences API as far as this project uses it, as strict as the real one.

    `files` is the storage from which it reads. `clock` gives seconds since the epoch, and `sleep`
    makes the latencies. With the same `random`, the same requests get the same ids and faults.
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
        self._world = build_world(options, storage, random)
        self._server = Server(
            world=self._world,
            clock=clock,
            sleep=sleep,
            recent=deque(maxlen=options.logged_requests),
        )
        application = self._server.application()
        View(self._world, self._server, clock).add_to(application)
        self._loopback = Loopback(application, host, port)

    async def __aenter__(self) -> Self:
        await self._loopback.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._loopback.close()

    @property
    def origin(self) -> str:
        return self._loopback.origin

    @property
    def url(self) -> str:
        """The URL for the key `api_url`."""
        return self.origin + ROOT

    @property
    def token_url(self) -> str:
        return self.origin + TOKEN_PATH

    @property
    def faults(self) -> FaultScript:
        return self._world.faults

    def script(self, *entries: ScriptedFault) -> None:
        """Use these faults from now on; the first one that matches strikes."""
        self._world.faults.script(entries, self._clock())

    def know(self, audience_id: str, definition: Definition) -> None:
        """Add an audience that exists from the start."""
        self._world.audiences.know(audience_id, definition, self._clock())

    def expire_tokens(self) -> None:
        """Make all access tokens issued so far invalid."""
        self._world.tokens.grants.expire_all()

    async def membership(self) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """The present members: for each audience id, the cells of the row by identity."""
        now = await self._world.advance(self._clock)
        audiences = self._world.audiences.all(now)
        return {name: audience.members.rows for name, audience in audiences.items()}

    async def audiences(self) -> Mapping[str, AudienceView]:
        """All audiences, by id."""
        return audience_views(self._world, await self._world.advance(self._clock))

    async def runs(self) -> Sequence[Run]:
        """All runs that have begun, oldest first."""
        await self._world.advance(self._clock)
        return self._world.runs.all()

    async def totals(self) -> Totals:
        now = await self._world.advance(self._clock)
        return totals(self._world, dict(self._server.counts), now)

    def requests(self) -> Sequence[LoggedRequest]:
        """The last requests, oldest first."""
        return tuple(self._server.recent)
