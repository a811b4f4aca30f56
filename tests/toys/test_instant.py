"""A partner that answers at once and counts requests and bytes runs through the whole assembly."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.app.assembly import Pipeline, assemble
from pipeline.app.exit_code import ExitCode
from pipeline.app.supervisor import supervise
from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners
from pipeline.domain.job import decode_outcome
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import prepare
from pipeline.sandbox.broker import EmbeddedBroker
from tests.toys.instant import INSTANT

PARTNERS: Partners = {INSTANT.kind: INSTANT}
EVENTS = 120


@dataclass(slots=True)
class InstantServer:
    """Keeps lists, and names every member whose id begins with `bad`."""

    lists: dict[str, set[str]] = field(default_factory=dict)
    bodies: list[int] = field(default_factory=list)

    async def token(self, _: web.Request) -> web.Response:
        return web.json_response({"token": "toy"})

    async def members(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Toy-Token") != "toy":
            return web.json_response({}, status=401)
        body = await request.read()
        said = json.loads(body)
        self.bodies.append(len(body))
        invalid = []
        for index, one in enumerate(said["members"]):
            if one["member"].startswith("bad"):
                invalid.append({"index": index, "error": "bad hash"})
            elif one["action"] == "add":
                self.lists.setdefault(said["list"], set()).add(one["member"])
            else:
                self.lists.setdefault(said["list"], set()).discard(one["member"])
        return web.json_response(
            {"applied": len(said["members"]) - len(invalid), "invalid": invalid}
        )


@asynccontextmanager
async def served(server: InstantServer) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/token", server.token)
    application.router.add_post("/members", server.members)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def settings_of(broker: EmbeddedBroker, namespace: str, url: str, folder: Path) -> Settings:
    document = {
        "kafka": {
            "bootstrap_servers": broker.bootstrap_servers,
            "namespace": namespace,
            "exactly_once": False,
        },
        "sources": [{"topic": f"{namespace}-cdp"}],
        "destinations": {"toy": {"kind": "instant", "api_url": url}},
        "audiences": [
            {
                "audience": "runners",
                "destinations": [{"destination": "toy", "account": "a1", "list_id": "r-1"}],
            }
        ],
    }
    return settings_from(document, folder, PARTNERS)


async def create_source(settings: Settings) -> None:
    servers = settings.kafka.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(settings.sources[0].topic, 2, 1)])
    finally:
        await admin.close()


async def produced(settings: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await producer.start()
    try:
        for number in range(EVENTS):
            member = f"bad-{number}" if number % 40 == 7 else f"m-{number}"
            event: dict[str, Any] = {
                "event_id": f"e-{number}",
                "audience": "runners",
                "action": "add",
                "occurred_at": "2026-11-22T10:15:00Z",
                "member": {"id": member, "country": "US", "identities": [{"email": "a@b.example"}]},
            }
            value = json.dumps(event).encode()
            await producer.send(settings.sources[0].topic, value, key=member.encode())
    finally:
        await producer.stop()


async def stored(settings: Settings, topic: str) -> list[Any]:
    """Every message of a topic, as far as it is there now."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=settings.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        found: list[Any] = []
        while fetched := await consumer.getmany(timeout_ms=2000):
            found += [record for records in fetched.values() for record in records]
        return found
    finally:
        await consumer.stop()


async def run_until(pipeline: Pipeline, done: Callable[[], bool]) -> ExitCode:
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(supervise(pipeline, stop, admin_port=0))
        while not done():
            assert not running.done()
            await asyncio.sleep(0.05)
        stop.set()
    return running.result()


async def test_a_partner_that_answers_at_once_is_one_package_and_one_line(
    embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path
) -> None:
    """Members arrive, the named ones are dead letters, the others' outcomes say applied."""
    server = InstantServer()
    async with served(server) as url:
        settings = settings_of(embedded_broker, namespace, url, tmp_path)
        await create_source(settings)
        await prepare(settings, creates=True)
        await produced(settings)

        async with assemble(settings, ("ingest", "upload", "poll"), PARTNERS) as pipeline:
            value = pipeline.telemetry.metrics.value
            lane = {"destination": "toy", "connection": "a1"}

            def is_done() -> bool:
                applied = value("audience_records_applied_total", **lane) or 0
                letters = value("audience_dead_letters_total", stage="upload", reason="invalid")
                return applied + (letters or 0) >= EVENTS

            code = await run_until(pipeline, is_done)

        names = Names(settings.kafka.namespace)
        outcomes = [decode_outcome(one.value) for one in await stored(settings, names.outcomes)]
        letters = await stored(settings, names.dead_letters)

    assert code is ExitCode.DRAINED
    assert len(server.lists["r-1"]) == EVENTS - 3
    assert max(server.bodies) <= 20_000
    assert {(one.state, one.end) for one in outcomes} == {("APPLIED_AT_ONCE", "applied")}
    assert sum(one.tally.applied for one in outcomes) == EVENTS - 3
    assert {one.key for one in letters} == {b"r-1|bad-7", b"r-1|bad-47", b"r-1|bad-87"}
