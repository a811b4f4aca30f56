"""A plain client of Adobe's simulator for its tests: it sends what it is told, right or wrong."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from random import Random

import aiohttp
import orjson

from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from tests.sandbox.amazon_client import VirtualTime

START = 1_750_000_000.0
FOLDER = "vip-customers-1a2b"
FIELDS: list[dict[str, object]] = [
    {"name": "email", "type": "string", "identityNs": "email_lc_sha256"},
    {"name": "tier", "type": "string", "labels": ["core/C2"]},
    {"name": "age", "type": "integer"},
]
HEADERS = {
    "Authorization": "Bearer static",
    "x-api-key": "client",
    "x-gw-ims-org-id": "org@AdobeOrg",
    "x-sandbox-name": "prod",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `body` is JSON where it is some, else text, None for nothing."""

    status: int
    headers: Mapping[str, str]
    body: object

    def __getitem__(self, name: str) -> object:
        assert isinstance(self.body, dict)
        return self.body[name]

    def get(self, name: str) -> object:
        assert isinstance(self.body, dict)
        return self.body.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A running simulator, its time and its storage, and a session that talks to it."""

    simulator: AdobeSimulator
    time: VirtualTime
    storage: Path
    session: aiohttp.ClientSession
    is_draft: bool

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send a request; `body` is bytes as they are, or what becomes JSON; no header of None."""
        sent = {**HEADERS, "Content-Type": "application/json", **(headers or {})}
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        url = path if path.startswith("http") else self.simulator.url + path
        async with self.session.request(
            method,
            url,
            data=data,
            headers={name: value for name, value in sent.items() if value is not None},
            skip_auto_headers=("Content-Type",),
        ) as reply:
            raw = await reply.read()
            is_json = reply.content_type == "application/json"
            parsed: object = orjson.loads(raw) if is_json else raw.decode() or None
            return Answer(status=reply.status, headers=reply.headers, body=parsed)

    async def created(self, **more: object) -> str:
        """The id of an audience that was created, its operation ended."""
        make, ask = ("submit", "task") if self.is_draft else ("", "operations")
        key = "taskId" if self.is_draft else "operationId"
        answer = await self.call("POST", f"/external-audience/{make}", self.audience(**more))
        assert answer.status in (200, 202), answer.body
        self.time.now += 1
        ended = await self.call("GET", f"/external-audience/{ask}/{answer[key]}")
        assert ended["status"] == "SUCCESS"
        return str(ended["audienceId"])

    def audience(self, **more: object) -> dict[str, object]:
        """A create request that obeys all rules, unless `more` says otherwise; None leaves out."""
        source: dict[str, object] = {"path": FOLDER, "type": "folder"}
        if self.is_draft:
            source |= {"sourceType": "Cloud Storage", "baseConnectionId": "connection"}
        else:
            source = {"params": source | {"cloudType": "DLZ"}}
        said: dict[str, object] = {
            "name": "vip-customers",
            "fields": FIELDS,
            "sourceSpec": source,
            "ttlInDays": 30,
            "audienceType": "people",
            "originName": "CUSTOM_UPLOAD",
            **more,
        }
        return {name: value for name, value in said.items() if value is not None}

    def store(self, text: str | bytes, *, name: str = "1.csv", age: float = 0.0) -> float:
        """Put a file into the audience's folder; returns the storage's time of it."""
        folder = self.storage / FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        modified = self.time.now - age
        os.utime(path, (modified, modified))
        return modified

    async def start(self, audience: str, modified: float, margin: int = 3) -> Answer:
        """Ask for a run whose window is so many seconds around this time."""
        window = {
            "dataFilterStartTime": int(modified) - margin,
            "dataFilterEndTime": int(modified) + margin,
        }
        return await self.call("POST", self._runs(audience), window)

    async def ended(self, audience: str, run: object) -> Answer:
        """The run once it is over."""
        self.time.now += 10
        return await self.show(audience, run)

    async def show(self, audience: str, run: object) -> Answer:
        return await self.call("GET", f"{self._runs(audience)}/{run}")

    async def listed(self, audience: str) -> list[dict[str, object]]:
        answer = await self.call("GET", f"/external-audience/{audience}/runs")
        runs = answer.body if isinstance(answer.body, list) else answer["runs"]
        assert isinstance(runs, list)
        return runs

    async def ingested(self, audience: str, text: str | bytes, *, name: str = "1.csv") -> Answer:
        """A run over one new file, once it is over; more than a window after any file before."""
        self.time.now += 30
        run = await self.start(audience, self.store(text, name=name))
        return await self.ended(audience, run["runId"])

    async def violations(self) -> dict[str, int]:
        """Those that there were."""
        counted = (await self.simulator.totals())["violations"]
        return {name: count for name, count in counted.items() if count}

    def _runs(self, audience: str) -> str:
        return f"/external-audience/{audience}/{'run' if self.is_draft else 'runs'}"


@asynccontextmanager
async def partner(
    storage: Path, options: SimulatorOptions | None = None, *, seed: int = 1
) -> AsyncIterator[Partner]:
    """A simulator on a free port, with virtual time and a token that needs no login."""
    time = VirtualTime(now=START)
    options = replace(options or SimulatorOptions(), static_access_tokens=frozenset({"static"}))
    async with (
        AdobeSimulator(
            options=options, files=storage, random=Random(seed), clock=time, sleep=time.sleep
        ) as simulator,
        aiohttp.ClientSession() as session,
    ):
        yield Partner(
            simulator=simulator,
            time=time,
            storage=storage,
            session=session,
            is_draft=options.contract == "draft",
        )


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def csv(*members: str, header: str = "email,tier,age") -> str:
    """A file of these members; without any, of nobody."""
    rows: Sequence[str] = [f'"{digest(member)}","gold",41' for member in members]
    return "".join(f"{line}\n" for line in (header, *(rows or ['"",,'])))
