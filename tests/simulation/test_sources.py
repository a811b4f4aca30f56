"""From the bytes of a platform to the partner's membership, through crashes, in virtual time."""

import asyncio
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.sources.encodings.schemas import Schema, Schemas
from pipeline.sources.reading import Read
from pipeline.stages.contract import Progress
from tests.fakes.ingest_world import IngestWorld, route
from tests.fakes.lane_world import AUDIENCE
from tests.fakes.source_world import Source, SourceLease
from tests.fakes.virtual_loop import run_virtual
from tests.simulation.world import ROUGH, World, in_world
from tests.sources.messages import mapped, reader

MEMBERS = 12
STATEMENTS = 60
AT = 1_766_225_700_000


class Statement(NamedTuple):
    """
    A member is in, or is out, and when that was said.
    """

    member: str
    is_in: bool
    at: int

    @property
    def email(self) -> str:
        return f"{self.member}@example.com"


Write = Callable[[Statement], list[bytes | None]]
"""The messages that a platform writes of one statement, in their order."""


def segment(said: Statement) -> list[bytes | None]:
    personas = {"computation_class": "audience", "computation_key": "high_value"}
    event = {
        "type": "identify",
        "userId": said.member,
        "timestamp": said.at,
        "traits": {"high_value": said.is_in, "email": said.email},
        "context": {"personas": personas},
    }
    page = {"type": "page", "userId": said.member}
    return [orjson.dumps(page), orjson.dumps(event)]


def mparticle(said: Statement) -> list[bytes | None]:
    audiences = [
        {"audience_id": 1, "action": "add"},
        {"audience_id": 456, "action": "add" if said.is_in else "delete"},
        {"audience_id": 456, "action": "attribute_update"},
    ]
    identities = [{"type": "email", "encoding": "raw", "value": said.email}]
    profile = {"mpid": said.member, "user_identities": identities, "audiences": audiences}
    kind = "audience_membership_change_request"
    return [orjson.dumps({"type": kind, "timestamp_ms": said.at, "user_profiles": [profile]})]


def adobe(said: Statement) -> list[bytes | None]:
    ours = {"status": "realized" if said.is_in else "exited", "lastQualificationTime": said.at}
    theirs = {"status": "exited", "lastQualificationTime": said.at}
    return [
        orjson.dumps(
            {
                "segmentMembership": {"ups": {"others": theirs, "high_value": ours}},
                "identityMap": {"crm": [{"id": said.member}], "email": [{"id": said.email}]},
            }
        )
    ]


def debezium(said: Statement) -> list[bytes | None]:
    row = {"audience": "vip", "member": said.member, "email": said.email}
    event: dict[str, Any] = {"op": "d", "before": row, "after": None, "source": {"ts_ms": said.at}}
    if said.is_in:
        event |= {"op": "c", "before": None, "after": row}
        return [orjson.dumps(event)]
    return [orjson.dumps(event), None]


def maxwell(said: Statement) -> list[bytes | None]:
    row = {"id": said.member, "email": said.email}
    kind = "bootstrap-insert" if said.is_in else "delete"
    started = {"type": "bootstrap-start", "ts": said.at // 1000, "data": {}}
    return [orjson.dumps(started), orjson.dumps({"type": kind, "ts": said.at // 1000, "data": row})]


def cloud_event(said: Statement) -> list[bytes | None]:
    kind = "enter" if said.is_in else "exit"
    event = {"event": kind, "slug": "high_value", kind: said.at}
    data = {"user_id": said.member, "email": said.email, "segment_events": [event]}
    wrapped = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data}
    return [b'{"specversion": "1.0"}', orjson.dumps([wrapped])]


FORMATS: dict[str, tuple[Write, dict[str, Any]]] = {
    "segment": (segment, {"format": "segment"}),
    "mparticle": (mparticle, {"format": "mparticle", "unknown_audience": "ignore"}),
    "adobe": (
        adobe,
        {
            "format": "adobe_rtcdp",
            "unknown_audience": "ignore",
            "mapping": {"member": {"pointer": "/identityMap/crm/0/id"}},
        },
    ),
    "debezium": (
        debezium,
        {
            "format": "debezium",
            "table": {
                "kind": "membership_rows",
                "audience": "audience",
                "member": "member",
                "identities": {"email": "email"},
            },
        },
    ),
    "maxwell": (
        maxwell,
        {
            "format": "mapping",
            "mapping": mapped(
                action={
                    "pointer": "/type",
                    "add": ["insert", "bootstrap-insert"],
                    "remove": ["delete"],
                    "ignore": ["bootstrap-start"],
                },
                member={"pointer": "/data/id"},
                occurred_at={"pointer": "/ts", "unit": "seconds"},
                identities=[{"email": {"pointer": "/data/email"}}],
            ),
        },
    ),
    "lytics": (
        cloud_event,
        {
            "format": "mapping",
            "envelope": ["cloudevents", "array"],
            "mapping": mapped(
                for_each="/segment_events",
                audience={"item": "/slug"},
                action={"item": "/event", "add": ["enter"], "remove": ["exit"]},
                member={"pointer": "/user_id"},
                occurred_at=[{"item": "/enter"}, {"item": "/exit"}],
                identities=[{"email": {"pointer": "/email"}}],
            ),
        },
    ),
}


RENDERER = RecordRenderer()


def world_of(source: Source, read: Read, schemas: "WaitingRegistry | None" = None) -> IngestWorld:
    lane = route(
        AUDIENCE, render=lambda change, hash_once: RENDERER.render(change, "US", hash_once)
    )
    return IngestWorld(
        source=source,
        routes={"vip": [lane]},
        read=read,
        registries={} if schemas is None else {"cdp": schemas},
        chunk_events=7,
        failing=0.2,
    )


def statements(random: Random) -> list[Statement]:
    return [
        Statement(f"u-{random.randrange(MEMBERS)}", random.random() < 0.6, AT + 1000 * number)
        for number in range(STATEMENTS)
    ]


async def _ingested(seed: int, messages: Sequence[bytes | None], read: Read) -> Source:
    """
    Two owners, one after the other, the first of which goes on for a while as if it had not heard.
    """
    source = Source(Random(seed))
    for value in messages:
        source.put(value)
    stage = world_of(source, read).stage()
    async with asyncio.TaskGroup() as tasks:
        for lives, outlives in ((3.0, 5.0), (1000.0, 0.0)):
            lease = SourceLease(source)
            task = tasks.create_task(stage.worker(lease).run())
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < began + lives and source.committed < len(
                messages
            ):
                await asyncio.sleep(0.5)
            lease.is_held = False
            asyncio.get_running_loop().call_later(outlives, task.cancel)
    return source


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32))
def test_the_partner_holds_the_membership_that_a_platforms_bytes_state(
    name: str, seed: int
) -> None:
    """
    Transactions fail, owners come and go, the partner answers late or never: in the end each
    member is in or out as the last message about them says, and junk is a dead letter once.
    """
    write, keys = FORMATS[name]
    said = statements(Random(seed))
    junk = b'{"type":'
    messages = [message for one in said for message in (*write(one), junk)]

    source = run_virtual(_ingested(seed, messages, reader(**keys)))

    actions: dict[int, str] = {}

    async def carried(world: World) -> None:
        for version, value in enumerate(source.carried, start=1):
            record = json.loads(value)
            actions[version] = record["action"]
            key = f"{AUDIENCE}|{record['externalUserId']}".encode()
            world.topic.append(key, json.dumps({**record, "version": version}).encode())
        await world.own_for(20.0)
        await world.own_to_the_end()

    world = in_world(seed, carried, ROUGH)

    held = {member: actions[version] for (_, member), version in world.partner.members.items()}
    assert held == {one.member: "CREATE" if one.is_in else "DELETE" for one in said}
    assert sum(letter.value == junk for letter in source.letters) == len(said)


class WaitingRegistry:
    """
    A registry that is away for a while: whoever asks waits.
    """

    def __init__(self, schemas: Schemas, seconds: float) -> None:
        self._schemas = schemas
        self._seconds = seconds
        self.tries = 0

    async def fetch(self, schema_id: int, still_waiting: Callable[[], None]) -> None:
        for _ in range(int(self._seconds / 10)):
            still_waiting()
            self.tries += 1
            await asyncio.sleep(10)
        if schema_id == 7:
            self._schemas.known[7] = Schema("JSON", "{}")
        else:
            self._schemas.unknown.add(schema_id)


async def _with_registry() -> tuple[Source, WaitingRegistry, Progress]:
    source = Source(Random(1))
    [event] = mparticle(Statement("u-1", is_in=True, at=AT))
    assert event is not None
    for schema_id in (7, 8, 7):
        source.put(b"\x00" + schema_id.to_bytes(4, "big") + event)
    schemas = Schemas()
    registry = WaitingRegistry(schemas, seconds=1000)
    read = reader(
        schemas,
        format="mparticle",
        unknown_audience="ignore",
        encoding="json_schema",
        registry={"url": "http://registry"},
    )
    lease = SourceLease(source)
    owner = world_of(source, read, registry).stage().worker(lease)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(owner.run())
        stuck = 0.0
        while source.committed < 3:
            await asyncio.sleep(1.0)
            stuck = max(stuck, owner._progress.stuck_for())
        task.cancel()
    assert stuck < 60
    return source, registry, owner._progress


def test_a_registry_that_is_away_is_waited_for_and_only_an_unknown_id_is_a_dead_letter() -> None:
    source, registry, _ = run_virtual(_with_registry())

    assert len(source.carried) == 2
    assert [dict(letter.headers)["reason"] for letter in source.letters] == [b"unknown_schema"]
    assert registry.tries >= 100
