"""Real lanes and a real client against the simulated partner, over HTTP on loopback.

Only Kafka is left out: a lane's topic, its lease and the journal are kept in memory.
"""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import orjson
from aiohttp.abc import AbstractResolver

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import LaneSettings, lanes
from pipeline.domain.lane_record import encode_header, member_key
from pipeline.operations.clients import Clients, opened
from pipeline.sandbox.amazon_ads.journal import LoggedRequest
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import NONE_PAUSED, TokenBucket
from pipeline.stages.upload.assembly import LaneAssembly
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.worker import UploadWorker
from tests.conftest import SEED
from tests.fakes.lane_world import (
    AskedPauses,
    LaneTopic,
    MemoryMessageWriter,
    TopicLease,
    TopicReplay,
)
from tests.fakes.partner import ScriptedPartner, partner
from tests.fakes.telemetry import RecordingTelemetry
from tests.http.gateway import Misanswer, passes

AUDIENCE = 413642381039213536
"""Beyond 2^53. The audiences of further lanes follow it."""
PATIENCE_SECONDS = 30.0
"""No promise: only so long does a test wait for what it expects."""
CAP, WINDOW_SECONDS = 4_000, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a test configures. Times in seconds, far shorter than anybody would run with."""

    lanes: int = 1
    batch: int = 20
    in_flight: int = 4
    linger: float = 0.02
    cap: int = CAP
    timeout: float = 10.0
    late: float = 0.3
    byte_limit: int = 5_000_000
    """Of the partner."""
    chance: Callable[[], float] = field(default_factory=lambda: random.Random(SEED).random)
    """Of the full jitter of every backoff."""
    api_host: str = "127.0.0.1"
    resolver: AbstractResolver | None = None
    misanswers: Sequence[Misanswer] = ()
    """Of something before the partner, to requests for records; it passes the others on."""
    passed_first: int = 0
    """Requests that are passed on before the first of them."""

    def options(self) -> SimulatorOptions:
        return SimulatorOptions(
            cap=self.cap, window_seconds=WINDOW_SECONDS, byte_limit=self.byte_limit
        )

    def settings(self, simulator: AmazonAdsSimulator, api_url: str) -> Settings:
        destination = {
            "kind": "amazon_ads",
            "region": "NA",
            "api_url": api_url.replace("127.0.0.1", self.api_host),
            "token_url": simulator.token_url,
            "client_id": "client",
            "client_secret": "secret",
            "refresh_token": "refresh",
            "hourly_cap": self.cap,
            "cap_window_seconds": WINDOW_SECONDS,
            "batch": {"max_records": self.batch, "linger_seconds": self.linger},
            "max_in_flight": self.in_flight,
            "request_timeout_seconds": self.timeout,
            "requests_per_second": 500,
            "late_seconds": self.late,
            "backoff": {"initial_seconds": 0.02, "max_seconds": 0.1},
            "poll": {"requests_per_second": 500},
        }
        audiences = [
            {
                "audience": f"audience-{number}",
                "destinations": [
                    {
                        "destination": "amazon",
                        "audience_id": AUDIENCE + number,
                        "connection_id": f"connection-{number}",
                        "target_types": ["DSP"],
                    }
                ],
            }
            for number in range(self.lanes)
        ]
        document = {
            "sources": [{"topic": "events"}],
            "destinations": {"amazon": destination},
            "audiences": audiences,
            "upload": {"probe_seconds": 0.1},
        }
        return settings_from(document, Path())


class CountingBucket:
    """The bucket of one ownership, and how much was ever spent from it."""

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket
        self.spent = 0

    def wait(self, tokens: int, now: float) -> float:
        return self._bucket.wait(tokens, now)

    def spend(self, tokens: int, now: float) -> None:
        self._bucket.spend(tokens, now)
        self.spent += tokens


class WatchedLease(TopicLease):
    """A lease that tells when something was settled."""

    def __init__(self, topic: LaneTopic) -> None:
        super().__init__(topic)
        self.moved = asyncio.Event()

    def settle(
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        super().settle(offset, clean=clean, paused=paused, done_to=done_to)
        self.moved.set()


@dataclass(frozen=True, slots=True)
class Owner:
    """One ownership of a lane."""

    lease: WatchedLease
    bucket: CountingBucket
    worker: UploadWorker
    task: asyncio.Task[None]


@dataclass(slots=True, kw_only=True)
class WiredLane:
    """One lane: its topic, whoever owns it, and what they wrote."""

    settings: LaneSettings
    audience: str
    served: ServedLane
    shared: SharedByLanes
    topic: LaneTopic
    journal: MemoryMessageWriter
    telemetry: RecordingTelemetry
    tasks: asyncio.TaskGroup
    owners: list[Owner] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=itertools.count)

    @property
    def lease(self) -> WatchedLease:
        return self.owners[-1].lease

    @property
    def worker(self) -> UploadWorker:
        return self.owners[-1].worker

    @property
    def state(self) -> str:
        return self.worker.state

    @property
    def spent(self) -> int:
        """Tokens that all owners together have paid."""
        return sum(owner.bucket.spent for owner in self.owners)

    @property
    def target(self) -> str:
        """The name under which the partner counts its records."""
        return self.settings.connection

    def put(self, members: Sequence[str], action: str = "CREATE") -> None:
        """Append a change of each member; no two changes have the same content."""
        for member in members:
            email = sha256(f"{member} {next(self._versions)}".encode()).hexdigest()
            record = {"externalUserId": member, "action": action, "hashedPII": [{"email": email}]}
            self.topic.append(
                member_key(self.audience, member),
                orjson.dumps(record),
                encode_header("remove" if action == "DELETE" else "add", 0, b"", 0, 0),
            )

    def put_large(self, member: str, identities: int) -> None:
        """Append a change of a member with many identities, about 80 bytes each."""
        emails = [sha256(f"{member} {one}".encode()).hexdigest() for one in range(identities)]
        record = {
            "externalUserId": member,
            "action": "CREATE",
            "hashedPII": [{"email": email} for email in emails],
        }
        self.topic.append(f"{self.audience}|{member}".encode(), orjson.dumps(record))

    def letters(self) -> list[dict[str, bytes]]:
        """Headers of the dead letters, in the order in which they were written."""
        return [dict(letter.headers) for letter in self.journal.of("letters")]

    def named(self) -> list[str]:
        """Members of the dead letters."""
        keys = [letter.key for letter in self.journal.of("letters")]
        return sorted(key.decode().partition("|")[2] for key in keys if key is not None)

    def own(self) -> None:
        """Begin an ownership, with a bucket of its own."""
        lease = WatchedLease(self.topic)
        bucket = CountingBucket(self.served.new_buckets()["records"])
        served = replace(self.served, new_buckets=lambda: {"records": bucket})
        worker = LaneAssembly(self.shared, served, lease).worker()
        self.owners.append(Owner(lease, bucket, worker, self.tasks.create_task(worker.run())))

    async def hand_over(self, *, gently: bool) -> None:
        """End an ownership, after what is on its way was answered or at once; begin the next."""
        owner = self.owners[-1]
        owner.lease.lose()
        if gently:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await owner.worker.drain()
            owner.lease.commit(final=True)
        owner.task.cancel()
        self.own()

    async def settled(self) -> None:
        """Return once everything in the topic is settled and every answer is written down."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.lease.settled.offset < len(self.topic.records):
                self.lease.moved.clear()
                await self.lease.moved.wait()
            await self.worker.drain()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A partner and the lanes that send to it."""

    simulator: AmazonAdsSimulator
    lanes: Sequence[WiredLane]
    telemetry: RecordingTelemetry
    gateway: ScriptedPartner | None = None

    @property
    def passed(self) -> int:
        """Requests that the gateway has seen."""
        assert self.gateway is not None
        return len(self.gateway.callers)

    @property
    def lane(self) -> WiredLane:
        [only] = self.lanes
        return only

    def uploads(self, lane: WiredLane | None = None) -> list[LoggedRequest]:
        """Requests for records that the partner read or cut off, in the order of their ends."""
        return [
            request
            for request in self.simulator.requests()
            if request.endpoint == "records.upload"
            and (lane is None or request.target == lane.target)
        ]

    def outcomes(self) -> Mapping[str, int]:
        """How many requests for records ended in which way, as the partner saw it."""
        return self.simulator.totals()["requests"].get("records.upload", {})

    def codes(self) -> Mapping[str, int]:
        """How many requests for records ended in which way, as the client saw it."""
        return {
            key[3]: count
            for key, count in self.telemetry.counts.items()
            if key[0] == "request_answered" and key[2] == "records"
        }

    async def settled(self) -> None:
        """Return once all lanes are done, and the partner with what it took late."""
        for lane in self.lanes:
            await lane.settled()
        await until(lambda: self.simulator.totals()["records"]["late"] == 0)


async def until(is_so: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():
            await asyncio.sleep(0.005)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wiring:
    """What all lanes of one wire share."""

    clients: Clients
    telemetry: RecordingTelemetry
    chance: Callable[[], float]
    tasks: asyncio.TaskGroup

    def lane(self, number: int, settings: LaneSettings) -> WiredLane:
        topic, journal = LaneTopic(), MemoryMessageWriter()
        letters = DeadLetters(
            topic="letters",
            stage="upload",
            payload="original",
            wall_ms=_wall_ms,
            telemetry=self.telemetry,
        )
        served = self.clients.lane(settings)
        buffer = 4 * served.limits.max_bytes
        shared = SharedByLanes(
            budget=Budget(buffer, guaranteed=buffer, lanes=1),
            message_writer=journal,
            dead_letters=letters,
            telemetry=self.telemetry,
            lane_telemetry=self.telemetry,
            jobs_topic="jobs",
            outcomes_topic="outcomes",
            trimmer=topic,
            keep_delivered=3600.0,
            pause_requests=AskedPauses(),
            new_replay=lambda _: TopicReplay(topic, 1000, 0.0),
            new_progress=lambda name: Progress(name, time.monotonic),
            chance=self.chance,
            new_id=lambda: uuid.uuid4().hex,
            wall_ms=_wall_ms,
            cap_clock=asyncio.get_running_loop().time,
        )
        return WiredLane(
            settings=settings,
            audience=str(AUDIENCE + number),
            served=served,
            shared=shared,
            topic=topic,
            journal=journal,
            telemetry=self.telemetry,
            tasks=self.tasks,
        )


@asynccontextmanager
async def wired(setup: Setup | None = None) -> AsyncIterator[Wire]:
    """A running partner, and lanes that are owned as long as the block lasts."""
    setup = setup or Setup()
    telemetry = RecordingTelemetry()
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            AmazonAdsSimulator(options=setup.options(), random=random.Random(1))
        )
        gateway = None
        if setup.misanswers:
            good = passes(simulator.url)
            scenes = [one.scene(simulator.url) for one in setup.misanswers]
            gateway = await stack.enter_async_context(
                partner(*[good] * setup.passed_first, *scenes, good)
            )
        settings = setup.settings(simulator, simulator.url if gateway is None else gateway.url)
        clients = await stack.enter_async_context(
            opened(settings, telemetry, environ={}, resolver=setup.resolver)
        )
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        wiring = _Wiring(
            clients=clients,
            telemetry=telemetry,
            chance=setup.chance,
            tasks=tasks,
        )
        wired_lanes = [wiring.lane(number, lane) for number, lane in enumerate(lanes(settings))]
        for lane in wired_lanes:
            lane.own()
        yield Wire(simulator=simulator, telemetry=telemetry, lanes=wired_lanes, gateway=gateway)
        for lane in wired_lanes:
            lane.owners[-1].task.cancel()
