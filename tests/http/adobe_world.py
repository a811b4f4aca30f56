"""A real client of Adobe against the simulated partner, over HTTP on loopback."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from pipeline.configuration.load import settings_from
from pipeline.destinations.adobe_audiences.control_plane import AdobeControlPlane
from pipeline.destinations.adobe_audiences.delivery import AdobeSnapshots, snapshots
from pipeline.destinations.adobe_audiences.settings import AdobeSettings, Contract
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.control import Api, InProgress, Made, Step
from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.snapshots import RunAnswer, RunStarted, Window
from pipeline.domain.job import JobReport
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.http.client import PartnerClient
from pipeline.operations.clients import opened
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from tests.conftest import SEED
from tests.fakes.telemetry import RecordingTelemetry

NAME = "vip-customers"
PATIENCE_SECONDS = 20.0
Found = TypeVar("Found")


def options(contract: Contract = "current", **keys: object) -> SimulatorOptions:
    """Strict, and quick."""
    usual = {
        "contract": contract,
        "client_id": "client",
        "client_secret": "hush",
        "org_id": "org@AdobeOrg",
        "sandbox": "prod",
        "operation_seconds": 0.05,
        "run_seconds": (0.05, 0.1),
    }
    return SimulatorOptions(**{**usual, **keys})  # type: ignore[arg-type]


def document(api_url: str, token_url: str, files: Path, **keys: object) -> dict[str, object]:
    """The section of the destination."""
    return {
        "kind": "adobe_external_audiences",
        "api_url": api_url,
        "token_url": token_url,
        "org_id": "org@AdobeOrg",
        "client_id": "client",
        "client_secret": "hush",
        "storage": {"kind": "folder", "path": str(files)},
        "requests_per_second": 500,
        **keys,
    }


@dataclass(frozen=True, slots=True)
class DirectApi:
    """One client as the control plane sees it, without repeats."""

    destination: str
    client: PartnerClient

    async def call(self, request: Request) -> Response | NotSent | InDoubt | Blocked:
        return await self.client.call(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adobe:
    """Client, settings and storage of one sandbox."""

    simulator: AdobeSimulator
    client: PartnerClient
    settings: AdobeSettings
    target: AdobeTarget
    files: Path
    delivery: AdobeSnapshots

    @property
    def api(self) -> Api:
        return DirectApi("adobe", self.client)

    @property
    def control(self) -> AdobeControlPlane:
        return AdobeControlPlane(self.settings, sleep=lambda _: asyncio.sleep(0.02))

    async def asked(self, request: Request, read: Callable[[Response], Found]) -> Found:
        answer = await self.client.call(request)
        assert isinstance(answer, Response), answer
        return read(answer)

    async def made(self, name: str = NAME) -> str:
        """An audience, made from its beginning to its end."""
        said = await self.control.apply(self.api, self.control.creation(self.target, name))
        assert isinstance(said, InProgress), said
        ended = await self.control.apply(self.api, Step(what="create", operation=said.operation))
        assert isinstance(ended, Made), ended
        return ended.audience_id

    def stored(self, folder: str, name: str, content: bytes) -> Window:
        """A file, and the window that holds it alone."""
        place = self.files / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
        modified = int((place / name).stat().st_mtime)
        return Window(start_s=modified - 3, end_s=modified + 3)

    async def started(self, audience: str, window: Window) -> RunAnswer:
        """What one attempt to start a run came to."""
        answer = await self.client.call(self.delivery.compose_run(audience, window))
        return self.delivery.interpret_run(answer) if isinstance(answer, Response) else answer

    async def ended(self, audience: str, run_id: str) -> JobReport:
        """The end of a run."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            request = self.delivery.compose_status(audience, run_id)
            report = await self.asked(request, self.delivery.interpret_status)
            if isinstance(report, JobReport) and report.is_terminal:
                return report
            await asyncio.sleep(0.02)
        raise TimeoutError(run_id)

    async def run(self, audience: str, window: Window) -> JobReport:
        started = await self.started(audience, window)
        assert isinstance(started, RunStarted), started
        return await self.ended(audience, started.run_id)

    def counts(self) -> Mapping[str, int]:
        """Requests by endpoint."""
        found: dict[str, int] = {}
        for one in self.simulator.requests():
            found[one.endpoint] = found.get(one.endpoint, 0) + 1
        return found


@asynccontextmanager
async def adobe(
    files: Path,
    of_simulator: SimulatorOptions | None = None,
    *,
    api_url: str | None = None,
    target: Mapping[str, object] | None = None,
    **keys: object,
) -> AsyncIterator[Adobe]:
    chosen = of_simulator or options()
    said = {"destination": "adobe", "identity": {"namespace": "email_lc_sha256", "from": "email"}}
    async with AdobeSimulator(files=files, random=Random(SEED), options=chosen) as simulator:
        section = document(api_url or simulator.url, simulator.token_url, files, **keys)
        section.setdefault("contract", chosen.contract)
        if chosen.contract == "draft":
            section.setdefault("base_connection_id", "connection")
        audiences = [{"audience": NAME, "destinations": [{**said, **(target or {})}]}]
        settings = settings_from(
            {
                "sources": [{"topic": "cdp"}],
                "destinations": {"adobe": section},
                "audiences": audiences,
            },
            files,
            needs_ids=False,
        )
        destination, one = settings.destinations["adobe"], settings.audiences[0].destinations[0]
        assert isinstance(destination, AdobeSettings)
        assert isinstance(one, AdobeTarget)
        async with opened(settings, RecordingTelemetry(), environ={}) as clients:
            yield Adobe(
                simulator=simulator,
                client=clients.clients["adobe"],
                settings=destination,
                target=one,
                files=files,
                delivery=snapshots(destination),
            )
