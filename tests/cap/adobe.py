"""Snapshots of large audiences, made all the time by the processes whose lanes are measured."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.configuration.load import load
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audiences
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.domain.names import Names
from pipeline.sandbox.server_process import free_port
from tests.acceptance.deployment import COMMAND, Deployment

DESTINATION = "adobe"
MIN_INTERVAL_SECONDS = 15
CHANGE_SECONDS = 2.0
LOOK_SECONDS = 0.25


@dataclass(slots=True, kw_only=True)
class AdobeBeside:
    """Another destination of a deployment: its partner, its audiences, and what is made of them."""

    folder: Path
    members: int
    audiences: int = 3
    """A pass goes over one after the other."""
    port: int = field(default_factory=free_port)
    _partner: subprocess.Popen[bytes] | None = None
    _rendering: dict[str, str] = field(default_factory=dict)
    """By the partner's id of the audience."""
    _seen: set[str] = field(default_factory=set)
    _looks: int = 0
    _busy: int = 0

    @property
    def files(self) -> Path:
        return self.folder / "landing-zone"

    def destination(self) -> Mapping[str, Any]:
        url = f"http://127.0.0.1:{self.port}"
        return {
            "kind": "adobe_external_audiences",
            "api_url": url,
            "token_url": f"{url}/ims/token/v3",
            "org_id": "cap@AdobeOrg",
            "client_id": "client",
            "client_secret": "secret",
            "storage": {"kind": "folder", "path": str(self.files)},
            "requests_per_second": 50,
            "snapshot": {
                "min_interval_seconds": MIN_INTERVAL_SECONDS,
                "quiet_seconds": 1,
                "max_wait_seconds": 5,
                "runs_per_day": 100,
                "runs_per_audience_and_day": 100,
                "window_seconds": 1,
                "poll_seconds": 1,
            },
        }

    def targets(self) -> Sequence[Mapping[str, Any]]:
        identity = {"namespace": "email_lc_sha256", "from": "email"}
        return [{"destination": DESTINATION, "identity": identity}] * self.audiences

    async def make_audiences(self, deployment: Deployment) -> None:
        """Start the partner, and have it make what the configuration names."""
        self.files.mkdir()
        command = [sys.executable, "-m", "tests.cap.partner", str(self.port), str(self.files)]
        self._partner = await asyncio.to_thread(subprocess.Popen, command)
        config = deployment.write()
        words = ["audiences", "apply", "--config", str(config), "--destination", DESTINATION]
        done = await asyncio.to_thread(
            subprocess.run, [COMMAND, *words], capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._rendering = dict(_renderings(load(config, {})))
        assert len(self._rendering) == self.audiences

    async def fill(self, deployment: Deployment) -> None:
        """Write every membership, as ingest would."""
        numbers = ((one, n) for one in self._rendering for n in range(self.members))
        await self._write(deployment, numbers)

    async def change_on(self, deployment: Deployment) -> None:
        """One more member of each audience, again and again, so that there is always a reason."""
        number = self.members
        while True:
            await self._write(deployment, ((one, number) for one in self._rendering))
            number += 1
            await asyncio.sleep(CHANGE_SECONDS)

    async def look_on(self) -> None:
        """Count the files that are made, and how often one is being written."""
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        self._looks += 1
        self._busy += any(self.files.glob(".unfinished/*/*.csv"))
        self._seen |= {str(one) for one in self.files.glob("*/snapshot-*.csv")}

    def shown(self) -> str:
        return (
            f"beside: {len(self._seen)} snapshots of {self.members:,} members stored; a pass was "
            f"at work at {self._busy / max(1, self._looks):.0%} of {self._looks} looks"
        )

    def end(self) -> None:
        if self._partner is not None:
            self._partner.kill()
            self._partner.wait()

    async def _write(self, deployment: Deployment, members: Iterator[tuple[str, int]]) -> None:
        """Batch by batch, as fast as the client can."""
        topic = Names(deployment.namespace).members(DESTINATION)
        now_ms = time.time_ns() // 1_000_000
        async with deployment.producer() as producer:
            batches = {}
            for audience, number in members:
                key, value = self._record(audience, number, now_ms)
                partition = partition_of(key)
                if partition not in batches:
                    batches[partition] = producer.create_batch()
                if batches[partition].append(key=key, value=value, timestamp=None) is None:
                    await producer.send_batch(batches[partition], topic, partition=partition)
                    batches[partition] = producer.create_batch()
                    batches[partition].append(key=key, value=value, timestamp=None)
            for partition, batch in batches.items():
                await producer.send_batch(batch, topic, partition=partition)
            await producer.flush()

    def _record(self, audience: str, number: int, now_ms: int) -> tuple[bytes, bytes]:
        identity = sha256(str(number).encode()).hexdigest()
        record = MemberRecord(
            True, now_ms, Place("cdp", 0, number, 0), self._rendering[audience], identity, []
        )
        return member_key(audience, f"u-{number}"), encode_member(record)


def _renderings(settings: Settings) -> Iterator[tuple[str, str]]:
    for _, audience in snapshot_audiences(settings, PARTNERS):
        yield audience.audience, audience.rendering
