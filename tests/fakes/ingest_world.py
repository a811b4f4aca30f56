"""A worker of ingest as the stage makes it, with one upstream topic in memory."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import orjson

from pipeline.destinations.contract import Render
from pipeline.domain.change import MembershipChange
from pipeline.domain.message import Message
from pipeline.domain.reasons import Rendered
from pipeline.identity.hashing import HashOnce
from pipeline.sources import native
from pipeline.sources.encodings.schemas import SchemaRegistry
from pipeline.sources.reading import Outcome, Read, SourceMessage
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.report import ChunkReport
from pipeline.stages.ingest.route import AnyRoute, Route, Routes
from pipeline.stages.ports import Partition
from pipeline.stages.roster import IngestStage
from pipeline.telemetry.facts import LaneLabel
from tests.fakes.source_world import Broker, FencingWriter, Source, SourceLease
from tests.fakes.telemetry import RecordingTelemetry

LETTERS = "letters"


def echo(change: MembershipChange, _hash_once: HashOnce | None) -> Rendered:
    """A destination that writes a member down with whatever consent came along."""
    consent = orjson.dumps(change.consent) if change.consent else b""
    return Rendered(change.member_id, b"%s %s" % (change.member_id.encode(), consent))


def route(audience: str = "vip", *, render: Render = echo, topic: str = "lane") -> Route:
    return Route(
        lane=LaneLabel("amazon", topic),
        partition=Partition(topic, 0),
        audience_id=audience,
        route=b"",
        render=render,
        largest_value=950_000,
    )


def native_reader() -> Read:
    def read(message: SourceMessage) -> Outcome:
        return native.read(message.value)

    return read


@dataclass(slots=True, kw_only=True)
class IngestWorld:
    """One source partition; whoever owns it works with what stands here."""

    routes: Mapping[str, Sequence[AnyRoute]] = field(default_factory=lambda: {"vip": [route()]})
    read: Read = field(default_factory=native_reader)
    registries: Mapping[str, SchemaRegistry] = field(default_factory=dict)
    broker: Broker = field(default_factory=Broker)
    payload: Literal["original", "reference"] = "original"
    chunk_events: int = 500
    failing: float = 0.0
    restates: bool = False
    wall_ms: int = 1_800_000_000_000
    """After every event."""
    source: Source = field(default_factory=lambda: Source(Random(1)))
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    writers: list[FencingWriter] = field(default_factory=list)

    def stage(self) -> IngestStage:
        letters = DeadLetters(
            topic=LETTERS,
            stage="ingest",
            payload=self.payload,
            wall_ms=lambda: 0,
            telemetry=self.telemetry,
        )
        return IngestStage(
            reads={"cdp": self.read},
            registries=self.registries,
            routes=Routes(self.routes),
            restating={"cdp"} if self.restates else (),
            letters=letters,
            record_limits=self.broker,
            chunk_events=self.chunk_events,
            report=ChunkReport(telemetry=self.telemetry, letters=letters, wall_ms=lambda: 0),
            wall_ms=lambda: self.wall_ms,
            new_writer=lambda _: self._writer(),
            new_progress=lambda name: Progress(name, asyncio.get_running_loop().time),
        )

    def _writer(self) -> FencingWriter:
        self.writers.append(FencingWriter(self.source, failing=self.failing, broker=self.broker))
        return self.writers[-1]

    async def carried(self, *, within: float = 3600.0) -> None:
        """One owner carries everything that stands in the topic."""
        lease = SourceLease(self.source)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.stage().worker(lease).run())
            async with asyncio.timeout(within):
                while lease.settled < len(self.source.events):
                    await asyncio.sleep(0.1)
            running.cancel()

    @property
    def transactions(self) -> list[tuple[int, int]]:
        return [one for writer in self.writers for one in writer.transactions]

    def letters(self) -> list[dict[str, str]]:
        """Headers of the dead letters."""
        return [_headers(letter) for letter in self.source.letters]

    def reasons(self) -> Counter[str]:
        return Counter(letter["reason"] for letter in self.letters())


def _headers(letter: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers}


def event(name: str = "u-1", /, **changed: object) -> bytes:
    """A native event that adds a member to `vip`, but for what is changed."""
    usual = {
        "audience": "vip",
        "action": "add",
        "occurred_at": "2026-11-22T10:15:00Z",
        "member": {"id": name},
    }
    return orjson.dumps({**usual, **changed})
