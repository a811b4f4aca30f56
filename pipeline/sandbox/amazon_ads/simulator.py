"""The simulated partner on a local port, for tests, the sandbox and the command `simulator`."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Self

from pipeline.sandbox.amazon_ads.audiences import Audience
from pipeline.sandbox.amazon_ads.connections import KnownConnection
from pipeline.sandbox.amazon_ads.faults import FaultScript, ScriptedFault
from pipeline.sandbox.amazon_ads.journal import LoggedRequest
from pipeline.sandbox.amazon_ads.members import Action, Memberships
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.server import Server
from pipeline.sandbox.amazon_ads.view import Totals, View, WindowView, totals, windows
from pipeline.sandbox.amazon_ads.world import build_world
from pipeline.sandbox.any_partner.loopback import Loopback


class AmazonAdsSimulator:
    """The Amazon Ads audiences API as far as this project uses it, as strict as the real one.

    `clock` gives monotonic seconds for all decisions; `wall_clock` is only for dates in answers
    (and `Retry-After`); `sleep` makes the latencies. With the same `random`, the same requests get
    the same ids and faults.
    """

    def __init__(
        self,
        *,
        random: Random,
        options: SimulatorOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._clock = clock
        self._world = build_world(options or SimulatorOptions(), random, wall_clock)
        request_numbers = itertools.count(1)
        server = Server(
            world=self._world,
            clock=clock,
            wall_clock=wall_clock,
            sleep=sleep,
            new_request_id=lambda: f"request-{next(request_numbers):08d}",
        )
        application = server.application()
        View(self._world, clock).add_to(application)
        self._loopback = Loopback(application, host, port)

    async def __aenter__(self) -> Self:
        await self._loopback.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._loopback.close()

    @property
    def url(self) -> str:
        return self._loopback.origin

    @property
    def token_url(self) -> str:
        return f"{self.url}/auth/o2/token"

    @property
    def faults(self) -> FaultScript:
        return self._world.faults

    def know(self, made: Audience | KnownConnection) -> None:
        """Add an audience or connection that exists from the start."""
        match made:
            case Audience():
                self._world.uploads.audiences.know(made)
            case KnownConnection():
                self._world.uploads.connections.know(made)

    def script(self, *entries: ScriptedFault) -> None:
        """Use these faults from now on; the first one that matches strikes."""
        self._world.faults.script(entries, self._clock())

    def expire_tokens(self) -> None:
        """Make all access tokens issued so far invalid."""
        self._world.tokens.grants.expire_all()

    def membership(self) -> dict[int, dict[str, Action]]:
        """The last applied action of each member, by audience."""
        members = self.members()
        return {
            audience: {member: change.action for member, change in members.standing(audience)}
            for audience in members.audiences()
        }

    def members(self) -> Memberships:
        """The applied changes of each member, and those not applied."""
        self._world.uploads.settle(self._clock())
        return self._world.memberships

    def windows(self) -> dict[str, WindowView]:
        return windows(self._world, self._clock())

    def largest_window(self, target: str) -> int:
        """The most records that any window of this target held; 0 for an unknown one."""
        window = self._world.uploads.windows.get(target)
        return 0 if window is None else window.largest

    def totals(self) -> Totals:
        return totals(self._world, self._clock())

    def requests(self) -> Sequence[LoggedRequest]:
        """The last requests, oldest first."""
        return self._world.journal.recent()
