"""A plain client of the simulator for its tests: it sends what it is told, right or wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from random import Random

import aiohttp
import orjson

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator

AUDIENCES = "application/vnd.amcaudiences.v1+json"
CONNECTIONS = "application/vnd.amcaudiencesconnections.v1+json"
INSTANCES = "application/vnd.amcinstances.v1+json"
RECORDS = "/amc/audiences/records"
CLIENT_ID = "amzn1.application-oa2-client.test"
AUDIENCE = 413642381039213536
"""Beyond 2^53: whoever makes a float of it has changed it."""
WALL_CLOCK = 1_750_000_000.0


@dataclass(slots=True)
class VirtualTime:
    """Seconds that pass when a test says so, or when the simulator sleeps."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    held: asyncio.Event | None = None
    """Where there is one, sleeping ends only once it is set."""

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.held is not None:
            await self.held.wait()
        self.now += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: object

    def fields(self) -> set[str]:
        assert isinstance(self.body, dict)
        return set(self.body)

    def __getitem__(self, name: str) -> object:
        assert isinstance(self.body, dict)
        return self.body[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A running simulator, its time, and a session that talks to it."""

    simulator: AmazonAdsSimulator
    time: VirtualTime
    session: aiohttp.ClientSession

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        media_type: str | None = None,
        headers: Mapping[str, str] | None = None,
        without: Sequence[str] = (),
    ) -> Answer:
        """Send a request; `body` is bytes as they are, or anything that becomes JSON."""
        sent = {"Authorization": "Bearer static", "Amazon-Advertising-API-ClientId": CLIENT_ID}
        if media_type is not None:
            sent |= {"Content-Type": media_type}
        sent |= headers or {}
        sent = {name: value for name, value in sent.items() if name not in without}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        url = self.simulator.url + path
        # A file, because aiohttp warns of large bodies that it can't send piece by piece.
        file = None if data is None else BytesIO(data)
        async with self.session.request(
            method, url, data=file, headers=sent, skip_auto_headers=("Content-Type",)
        ) as reply:
            raw = await reply.read()
            parsed: object = orjson.loads(raw) if raw else None
            return Answer(status=reply.status, headers=reply.headers, body=parsed)

    async def upload(
        self,
        records: Sequence[object],
        *,
        audience: object = AUDIENCE,
        connection: str | None = "connection-1",
    ) -> Answer:
        body: dict[str, object] = {"audienceId": audience, "records": records}
        if connection is not None:
            body["targetResource"] = {"connectionId": connection, "targetTypes": ["DSP"]}
        return await self.call("POST", RECORDS, body, media_type=AUDIENCES)

    async def eventually(self, is_so: Callable[[], bool]) -> None:
        """Ask the simulator for its state until it is so; each question lets it get on."""
        async with asyncio.timeout(10):
            while not is_so():
                await self.call("GET", "/__simulator__/state")

    async def status(self, job_id: object) -> Answer:
        return await self.call("GET", f"{RECORDS}/{job_id}")


@asynccontextmanager
async def partner(
    options: SimulatorOptions | None = None, *, seed: int = 1
) -> AsyncIterator[Partner]:
    """A simulator on a free port, with virtual time and a token that needs no login."""
    time = VirtualTime()
    options = replace(options or SimulatorOptions(), static_access_tokens=frozenset({"static"}))
    async with (
        AmazonAdsSimulator(
            options=options,
            random=Random(seed),
            clock=time,
            wall_clock=lambda: WALL_CLOCK,
            sleep=time.sleep,
        ) as simulator,
        aiohttp.ClientSession() as session,
    ):
        yield Partner(simulator=simulator, time=time, session=session)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def record(member: str, action: str = "CREATE", **more: object) -> dict[str, object]:
    """One record that obeys all rules, unless `more` says otherwise."""
    return {
        "externalUserId": member,
        "action": action,
        "hashedPII": [{"email": digest(member)}],
        **more,
    }


def members(count: int, prefix: str = "member") -> list[dict[str, object]]:
    return [record(f"{prefix}-{number}") for number in range(count)]
