"""The installed command as its own processes, against a broker and a simulator on this machine."""

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.domain.lane_record import encode_header
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.server_process import free_port

COMMAND = str(Path(sys.executable).with_name("audience-pipeline"))
LOOK_SECONDS = 0.25


def event(audience: str, member: str, action: str = "add", number: int = 0) -> dict[str, Any]:
    """A native event of a made-up person."""
    return {
        "event_id": f"e-{number}",
        "audience": audience,
        "action": action,
        "occurred_at": "2026-11-22T10:15:00Z",
        "member": {
            "id": member,
            "country": "US",
            "identities": [{"email": f"{member}@example.com", "phone": "+1 206 555 0100"}],
        },
    }


@dataclass(slots=True)
class Deployment:
    """One configuration and the processes that run it."""

    folder: Path
    bootstrap_servers: str
    namespace: str
    simulator_url: str
    connections: int = 2
    audiences: int = 4
    destination: Mapping[str, Any] = field(default_factory=dict)
    sections: Mapping[str, Any] = field(default_factory=dict)
    second: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further destinations, by name."""
    second_targets: Sequence[Mapping[str, Any]] = ()
    """Of each of the first audiences, one of a further destination."""
    admin_port: int = field(default_factory=free_port)
    command: Sequence[str] = (COMMAND,)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def source(self) -> str:
        return f"{self.namespace}-cdp"

    @staticmethod
    def audience_id(number: int) -> int:
        return 413642381039213000 + number

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "kafka": {
                "bootstrap_servers": self.bootstrap_servers,
                "namespace": self.namespace,
                "session_timeout_ms": 6000,
            },
            "sources": [{"topic": self.source}],
            "destinations": {
                "amazon-na": {
                    "kind": "amazon_ads",
                    "region": "NA",
                    "api_url": self.simulator_url,
                    "token_url": f"{self.simulator_url}/auth/o2/token",
                    "client_id": "client",
                    "client_secret": "secret",
                    "refresh_token": "refresh",
                    "requests_per_second": 500,
                    "late_seconds": 1,
                    "backoff": {"initial_seconds": 0.2, "max_seconds": 2},
                    "poll": {
                        "initial_seconds": 1,
                        "max_seconds": 5,
                        "requests_per_second": 500,
                    },
                    **self.destination,
                },
                **self.second,
            },
            "audiences": [
                {
                    "audience": f"audience-{number}",
                    "destinations": [
                        {
                            "destination": "amazon-na",
                            "audience_id": self.audience_id(number),
                            "connection_id": self.connection(number),
                            "target_types": ["DSP"],
                        },
                        *self.second_targets[number : number + 1],
                    ],
                }
                for number in range(self.audiences)
            ],
            "admin": {"host": "127.0.0.1", "port": self.admin_port},
        }
        for name, section in self.sections.items():
            document[name] = {**document.get(name, {}), **section}
        return document

    def connection(self, audience: int) -> str:
        return f"connection-{audience % self.connections}"

    def lane_topic(self, connection: int) -> str:
        return f"{self.namespace}.records.amazon-na.connection-{connection}"

    def write(self) -> Path:
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.document()))
        return path

    def start(self, stages: str = "ingest,upload,poll") -> subprocess.Popen[bytes]:
        log = (self.folder / f"run-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [*self.command, "run", "--config", str(self.write()), "--stages", stages],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self.processes.append(process)
        return process

    def logs(self) -> str:
        texts = (path.read_text()[-3000:] for path in sorted(self.folder.glob("run-*.log"))[-2:])
        return "\n---\n".join(texts)

    async def stop(self, process: subprocess.Popen[bytes]) -> int:
        process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(process.wait, 40)

    def kill_all(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    async def create_source(self, partitions: int = 4) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(self.source, partitions, 1)])
        finally:
            await admin.close()

    async def produce(self, events: Iterable[Mapping[str, Any]]) -> None:
        async with self.producer() as producer:
            for one in events:
                key = one["member"]["id"].encode()
                await producer.send(self.source, json.dumps(one).encode(), key)

    async def fill_lane(self, connection: int, records: int) -> None:
        """Write rendered records straight into a lane's topic, as ingest would."""
        audience = self.audience_id(connection)
        headers = encode_header("add", int(time.time() * 1000), b"DSP", 0, 0)
        digest = "0123456789abcdef" * 4
        number = 0
        async with self.producer() as producer:
            while number < records:
                batch = producer.create_batch()
                while number < records:
                    member = f"u-{number}"
                    value = (
                        f'{{"externalUserId":"{member}","countryCode":"US","action":"CREATE",'
                        f'"hashedPII":[{{"email":"{digest}"}}]}}'
                    )
                    key = f"{audience}|{member}".encode()
                    if not batch.append(
                        timestamp=None, key=key, value=value.encode(), headers=headers
                    ):
                        break
                    number += 1
                await producer.send_batch(batch, self.lane_topic(connection), partition=0)
                await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers, linger_ms=10, max_batch_size=500_000
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def until(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait for a fact; fail with the end of the logs when it does not come about."""
        try:
            async with asyncio.timeout(seconds):
                while not done():
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s; logs:\n{self.logs()}") from None

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels, as scraped from the admin endpoint."""
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self.admin_port}/metrics"
            async with session.get(url) as reply:
                text = await reply.text()
        lines = [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@dataclass(slots=True)
class Churn:
    """Random changes, and the membership that they add up to."""

    deployment: Deployment
    rng: random.Random
    members: int
    expected: dict[int, dict[str, str]] = field(default_factory=dict)
    count: int = 0

    def events(self, number: int) -> list[dict[str, Any]]:
        made = []
        for _ in range(number):
            audience = self.rng.randrange(self.deployment.audiences)
            member = f"u-{self.rng.randrange(self.members)}"
            action = self.rng.choice(["add", "add", "remove"])
            self.count += 1
            made.append(event(f"audience-{audience}", member, action, self.count))
            standing = self.expected.setdefault(self.deployment.audience_id(audience), {})
            standing[member] = action
        return made

    def stands_at(self, simulator: AmazonAdsSimulator) -> bool:
        return dict(simulator.membership()) == self.expected
