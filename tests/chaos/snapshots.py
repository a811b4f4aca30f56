"""The second partner of a storm: it takes complete files, and is judged by what it ends with."""

import asyncio
import subprocess
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import yaml

from pipeline.sandbox.adobe_audiences.faults import Fault, RunFault, ScriptedFault
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from tests.chaos.crew import COMMAND
from tests.chaos.plan import Gust

DESTINATION = "adobe"
AUDIENCES = 3
"""Of the storm's; the partner takes a hundred runs a day, and a storm must do with them."""
RUNS_PER_DAY = 100
MIN_INTERVAL_SECONDS = 8
LATE_SECONDS = 4.0
HANGING_SECONDS = 8.0
UNLISTED_SECONDS = 6.0
FORBIDDEN = ("window_twice", "runs_at_once", "several_files", "bad_file", "broken_request")


class SeenRun(NamedTuple):
    """One run, as the partner had it. Times in seconds since the epoch."""

    audience: str
    created_s: float
    end: str
    files: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotEvidence:
    """What the second partner was asked, and what it holds."""

    held: Mapping[int, AbstractSet[str]]
    """Identities by our number of the audience."""
    expected: Mapping[int, AbstractSet[str]]
    """What the changes imply."""
    runs: Sequence[SeenRun]
    violations: Mapping[str, int]
    examples: Sequence[str]
    largest_day: int


@dataclass(slots=True)
class Standing:
    """The newest statement about every member, as traffic made it."""

    _last: dict[tuple[int, str], tuple[str, str]] = field(default_factory=dict)

    def stated(self, audience: int, member: str, action: str, email: str) -> None:
        self._last[audience, member] = (action, email)

    def identities(self) -> Mapping[int, AbstractSet[str]]:
        """Of those that are in, for the audiences that the second partner has."""
        found: dict[int, set[str]] = {number: set() for number in range(AUDIENCES)}
        for (audience, _), (action, email) in self._last.items():
            if audience in found and action == "add":
                found[audience].add(sha256(email.encode()).hexdigest())
        return found


@dataclass(slots=True)
class SecondPartner:
    """A running simulator of the partner, and the folder that it fetches files from."""

    simulator: AdobeSimulator
    files: Path
    ids: dict[int, str] = field(default_factory=dict)
    """The partner's id of each audience, once it is made."""

    def destination(self) -> Mapping[str, object]:
        return {
            "kind": "adobe_external_audiences",
            "api_url": self.simulator.url,
            "token_url": self.simulator.token_url,
            "org_id": "storm@AdobeOrg",
            "client_id": "client",
            "client_secret": "secret",
            "storage": {"kind": "folder", "path": str(self.files)},
            "request_timeout_seconds": 6,
            "requests_per_second": 50,
            "snapshot": {
                "min_interval_seconds": MIN_INTERVAL_SECONDS,
                "quiet_seconds": 1,
                "max_wait_seconds": 5,
                "runs_per_day": RUNS_PER_DAY,
                "runs_per_audience_and_day": RUNS_PER_DAY,
                "window_seconds": 1,
                "poll_seconds": 3,
            },
        }

    def target(self) -> Mapping[str, object]:
        return {
            "destination": DESTINATION,
            "identity": {"namespace": "email_lc_sha256", "from": "email"},
        }

    def make_audiences(self, config: Path) -> None:
        """As a user makes them."""
        done = subprocess.run(
            [COMMAND, "audiences", "apply", "--config", str(config), "--destination", DESTINATION],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lock = yaml.safe_load(config.with_name("config.lock.yaml").read_text())
        for entry in lock["audiences"]:
            if entry["destination"] == DESTINATION:
                number = int(entry["audience"].removeprefix("audience-"))
                self.ids[number] = str(entry["audience_id"])
        assert len(self.ids) == AUDIENCES, lock

    async def held(self) -> Mapping[int, AbstractSet[str]]:
        membership = await self.simulator.membership()
        return {number: set(membership.get(one, ())) - {""} for number, one in self.ids.items()}

    async def evidence(self, standing: Standing) -> SnapshotEvidence:
        totals, runs = await self.simulator.totals(), await self.simulator.runs()
        return SnapshotEvidence(
            held=await self.held(),
            expected=standing.identities(),
            runs=[
                SeenRun(
                    run.audience_id,
                    run.created_s,
                    "good" if run.is_applied and run.is_good() else "bad",
                    run.taken.files if run.taken is not None else (),
                )
                for run in runs
            ],
            violations=totals["violations"],
            examples=totals["violation_examples"],
            largest_day=totals["largest_day"],
        )

    async def until_it_holds(self, standing: Standing, seconds: float) -> None:
        """Wait for the newest membership to be ingested; the verdict says where it was not."""
        give_up_at = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < give_up_at:
            if await self.held() == standing.identities():
                return
            await asyncio.sleep(1.0)


def second_partner(folder: Path, seed: int) -> SecondPartner:
    """Not yet started."""
    files = folder / "landing-zone"
    files.mkdir()
    options = SimulatorOptions(
        runs_an_audience=None, operation_seconds=0.1, run_seconds=(1.0, 3.0), logged_requests=10
    )
    random = Random(f"{seed} second partner")
    return SecondPartner(AdobeSimulator(files=files, random=random, options=options), files)


def strike(partner: SecondPartner, gust: Gust) -> None:
    """Let the second partner misbehave as the gust says; what lasts ends by itself."""
    faults = {
        "snapshot 503": Fault(status=500, code="100970-500"),
        "run hangs": Fault(
            ending="drop", is_taken=True, latency=(HANGING_SECONDS, HANGING_SECONDS)
        ),
        "late run": Fault(ending="drop", late_seconds=LATE_SECONDS),
        "failing run": Fault(run=RunFault(fails_in="PROFILE_STORE_INGEST")),
        "unlisted run": Fault(
            ending="drop", is_taken=True, run=RunFault(unlisted_seconds=UNLISTED_SECONDS)
        ),
        "busy answer": Fault(status=409, code="100950-409"),
    }
    partner.simulator.script(
        ScriptedFault(
            fault=faults[gust.kind],
            endpoint="*" if gust.kind == "snapshot 503" else "runs.start",
            times=None if gust.seconds else 1,
            seconds=gust.seconds or None,
        )
    )
