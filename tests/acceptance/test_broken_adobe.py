"""Amazon's lanes beside a second destination that is broken: nothing of it keeps them waiting."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from aiokafka.admin import NewTopic

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    encode_layout,
    encode_removal,
)
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import own_topics, prepare
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.server_process import free_port
from tests.acceptance.deployment import Deployment, event
from tests.servers.kafka_clients import administering, producing

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

AUDIENCE_ID = "7c5b9f0e-3a61-4d0b-9e57-2f1c8a40d6b3"
RECORDS = 200
NAMED_SECONDS = 90.0
"""Until a trouble stands in /status: a request that is not answered is given up after a while."""
EXIT_SECONDS = 25.0
"""The grace period."""
LAYOUT = encode_layout(Layout("0" * 32, PARTITIONS, SPREAD, HASH))
ALL = "ingest,upload,poll,snapshot"
INTERNAL_ERROR = """
from pipeline.stages.snapshot.making_order import MakingOrder
def broken(self): raise LookupError("ana@example.com")
MakingOrder._next = broken
from pipeline.cli.main import main
main()
"""


@dataclass(slots=True)
class World:
    """Where the second destination lives, before a case breaks something of it."""

    bootstrap_servers: str
    namespace: str
    api_url: str
    token_url: str
    folder: Path
    silent_url: str
    refusing_url: str
    keys: dict[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()
    before_start: Callable[["World", Settings], Awaitable[None]] | None = None

    def destination(self) -> Mapping[str, Any]:
        return {
            "kind": "adobe_external_audiences",
            "api_url": self.api_url,
            "token_url": self.token_url,
            "org_id": "org@AdobeOrg",
            "client_id": "client",
            "client_secret": "secret",
            "storage": {"kind": "folder", "path": str(self.folder)},
            "request_timeout_seconds": 5,
            "snapshot": {
                "min_interval_seconds": 1,
                "quiet_seconds": 1,
                "max_wait_seconds": 5,
                "window_seconds": 1,
            },
            **self.keys,
        }


# What can be broken


def the_address_is_dead(world: World) -> None:
    world.api_url = f"http://127.0.0.1:{free_port()}"


def every_address_is_dead(world: World) -> None:
    world.api_url = f"http://127.0.0.1:{free_port()}"
    world.token_url = f"{world.api_url}/token"


def the_secret_is_wrong(world: World) -> None:
    world.keys["client_secret"] = "another"


def the_token_is_never_answered(world: World) -> None:
    world.token_url = f"{world.silent_url}/token"


def no_request_is_answered(world: World) -> None:
    world.api_url = world.silent_url


def the_folder_cannot_be_written(world: World) -> None:
    """It is a file; of permissions the user root knows nothing."""
    file = world.folder / "taken"
    file.write_bytes(b"")
    world.keys["storage"] = {"kind": "folder", "path": str(file)}


def the_storage_refuses(world: World) -> None:
    world.keys |= s3(world.refusing_url, region="us-east-1")


def the_storage_never_answers(world: World) -> None:
    world.keys |= s3(world.silent_url)


def the_storage_never_lists(world: World) -> None:
    """Nobody need ask for its region, so that the library that stores files waits itself."""
    world.keys |= s3(world.silent_url, region="us-east-1")


def s3(url: str, **keys: str) -> Mapping[str, Any]:
    storage = {
        "kind": "s3",
        "bucket": "snapshots",
        "endpoint_url": url,
        "access_key_id": "key",
        "secret_access_key": "hush",
    }
    return {"storage": {**storage, **keys}, "base_connection_id": "connection"}


def the_layout_is_missing(world: World) -> None:
    """Its owner's topic says that it was written."""

    async def make_without(world: World, settings: Settings) -> None:
        names = Names(world.namespace)
        wanted = {names.members("adobe"), names.snapshots("adobe")}
        plans = [plan for plan in own_topics(settings) if plan.name in wanted]
        topics = [
            NewTopic(plan.name, plan.partitions, 1, topic_configs=dict(plan.settings))
            for plan in plans
        ]
        async with administering(world) as admin:
            await admin.create_topics(topics)
        remove = encode_removal(1, b"cdp/0/0/0", is_withdrawal=False)
        await write_everywhere(world, names.members("adobe"), b"somebody\x00else", remove)
        async with producing(world) as producer:
            await producer.send_and_wait(names.snapshots("adobe"), LAYOUT, LAYOUT_KEY, partition=0)

    world.before_start = make_without


def the_layout_is_another(world: World) -> None:
    async def lay_out_anew(world: World, settings: Settings) -> None:
        await prepare(settings, creates=True)
        await write_everywhere(world, Names(world.namespace).members("adobe"), LAYOUT_KEY, LAYOUT)

    world.before_start = lay_out_anew


def a_state_is_unreadable(world: World) -> None:
    async def scribble(world: World, settings: Settings) -> None:
        await prepare(settings, creates=True)
        async with producing(world) as producer:
            key = f"a|{AUDIENCE_ID}".encode()
            topic = Names(world.namespace).snapshots("adobe")
            await producer.send_and_wait(topic, b"{}", key, partition=0)

    world.before_start = scribble


def an_internal_error_is_raised(world: World) -> None:
    world.command = (sys.executable, "-c", INTERNAL_ERROR)


async def write_everywhere(world: World, topic: str, key: bytes, value: bytes) -> None:
    async with producing(world) as producer:
        for number in range(PARTITIONS):
            await producer.send_and_wait(topic, value, key, partition=number)


# The promise


CASES: Sequence[tuple[Callable[[World], None], str]] = [
    (the_address_is_dead, "runs_not_listed"),
    (every_address_is_dead, "no access token"),
    (the_secret_is_wrong, "no access token"),
    (the_token_is_never_answered, "adobe: no access token: no answer yet"),
    (no_request_is_answered, "runs_not_listed"),
    (the_folder_cannot_be_written, "storage_unavailable"),
    (the_storage_refuses, "storage_refused"),
    (the_storage_never_answers, "storage_unavailable"),
    (the_storage_never_lists, '"state": "reading"'),
    (the_layout_is_missing, "layout_missing"),
    (the_layout_is_another, "layout_missing"),
    (a_state_is_unreadable, "this program reads 1"),
    (an_internal_error_is_raised, "LookupError in broken"),
]
"""What is broken, and what operators read of it."""


@pytest.mark.parametrize(("broken", "named"), CASES, ids=[one.__name__ for one, _ in CASES])
async def test_what_is_wrong_with_adobe_delays_no_lane_of_amazon(
    broken: Callable[[World], None],
    named: str,
    embedded_broker: EmbeddedBroker,
    namespace: str,
    tmp_path: Path,
) -> None:
    """
    Beside a process that serves Amazon alone: both deliver as soon, the trouble has a name where
    operators look, nobody ends the process, and told to end it drains and is gone in time.
    """
    for name in ("files", "alone", "both"):
        (tmp_path / name).mkdir()
    async with world_of(embedded_broker, namespace, tmp_path / "files") as world:
        broken(world)
        async with (
            Served.beside(world, tmp_path / "alone", second=False) as alone,
            Served.beside(world, tmp_path / "both", second=True) as both,
        ):
            async with asyncio.TaskGroup() as tasks:
                first_alone = tasks.create_task(alone.first_delivery())
                first_both = tasks.create_task(both.first_delivery())
            seen = await both.until_named(named)
            async with asyncio.TaskGroup() as tasks:
                next_alone = tasks.create_task(alone.next_delivery())
                next_both = tasks.create_task(both.next_delivery())
            took = await both.exit_seconds()
            await alone.exit_seconds()

    print(
        f"first {first_alone.result():.1f} s alone, {first_both.result():.1f} s beside; "
        f"next {next_alone.result():.1f} s alone, {next_both.result():.1f} s beside; "
        f"named after {seen:.1f} s; gone after {took:.1f} s"
    )
    assert first_both.result() < 1.5 * first_alone.result() + 8
    assert next_both.result() < 1.5 * next_alone.result() + 4
    assert took < EXIT_SECONDS


@dataclass(slots=True)
class Served:
    """One process that serves Amazon, and what it has delivered."""

    deployment: Deployment
    simulator: AmazonAdsSimulator
    stages: str
    started_at: float = 0.0

    @classmethod
    @asynccontextmanager
    async def beside(cls, world: World, folder: Path, *, second: bool) -> AsyncIterator["Served"]:
        async with AmazonAdsSimulator(random=Random(1)) as simulator:
            deployment = Deployment(
                folder,
                world.bootstrap_servers,
                world.namespace if second else f"{world.namespace}-alone",
                simulator.url,
                connections=1,
                audiences=1,
                destination={"batch": {"linger_seconds": 0.2}},
                sections={"kafka": {"exactly_once": False}},
            )
            await deployment.create_source()
            if second:
                deployment.second = {"adobe": world.destination()}
                deployment.second_targets = [target()]
                deployment.command = world.command or deployment.command
                if world.before_start is not None:
                    settings = settings_from(deployment.document(), folder)
                    await world.before_start(world, settings)
            stages = ALL if second else ALL.removesuffix(",snapshot")
            try:
                yield cls(deployment, simulator, stages)
            finally:
                deployment.kill_all()

    async def first_delivery(self) -> float:
        """Seconds from the start until everything was accepted."""
        await self._state(0)
        self.started_at = time.monotonic()
        self.deployment.start(self.stages)
        return await self._accepted(RECORDS)

    async def next_delivery(self) -> float:
        await self._state(RECORDS)
        return await self._accepted(2 * RECORDS)

    async def until_named(self, cause: str) -> float:
        """Seconds from the start until operators can read what is wrong."""
        text = ""
        try:
            async with asyncio.timeout(NAMED_SECONDS):
                while cause not in (text := await self._shown()):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"{text}\n{self.deployment.logs()}") from None
        assert "ana@example.com" not in text
        return time.monotonic() - self.started_at

    async def exit_seconds(self) -> float:
        """It is the process of the beginning, and ends as one that has nothing left to do."""
        [process] = self.deployment.processes
        assert process.poll() is None, self.deployment.logs()
        began = time.monotonic()
        assert await self.deployment.stop(process) == 0, self.deployment.logs()
        return time.monotonic() - began

    async def _state(self, start: int) -> None:
        numbers = range(start, start + RECORDS)
        await self.deployment.produce(event("audience-0", f"u-{n}", number=n) for n in numbers)

    async def _accepted(self, count: int) -> float:
        began = time.monotonic()

        def is_there() -> bool:
            [process] = self.deployment.processes
            assert process.poll() is None, self.deployment.logs()
            return self.simulator.totals()["records"]["accepted"] >= count

        await self.deployment.until(is_there, 60)
        return time.monotonic() - began

    async def _shown(self) -> str:
        """What the endpoint says of readiness and of snapshots; it is alive."""
        url = f"http://127.0.0.1:{self.deployment.admin_port}"
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{url}/healthz") as answer:
                assert answer.status == 200
            async with http.get(f"{url}/readyz") as answer:
                ready = await answer.text()
            async with http.get(f"{url}/status") as answer:
                return ready + json.dumps((await answer.json())["snapshots"])


def target() -> Mapping[str, Any]:
    return {
        "destination": "adobe",
        "external_audience_id": AUDIENCE_ID,
        "identity": {"namespace": "email_lc_sha256", "from": "email"},
    }


@asynccontextmanager
async def world_of(broker: EmbeddedBroker, namespace: str, files: Path) -> AsyncIterator[World]:
    """Everything whole."""
    options = SimulatorOptions(client_id="client", client_secret="secret")
    async with (
        AdobeSimulator(files=files, random=Random(1), options=options) as simulator,
        server(say_nothing) as silent,
        server(refuse) as refusing,
    ):
        yield World(
            bootstrap_servers=broker.bootstrap_servers,
            namespace=namespace,
            api_url=simulator.url,
            token_url=simulator.token_url,
            folder=files,
            silent_url=silent,
            refusing_url=refusing,
        )


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A server that has its own way to be no help."""
    ends: set[asyncio.StreamWriter] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await answer(reader, writer)
        writer.close()

    made = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}"
    finally:
        for one in ends:
            one.close()
        made.close()
        await made.wait_closed()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It reads until the client is gone."""
    while await reader.read(65_536):
        continue


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It forbids everything, as object stores say it."""
    await reader.readuntil(b"\r\n\r\n")
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    writer.write(
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    await writer.drain()
