"""A lane, its partner, and the means to give the lane to an owner: what its tests share."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from pipeline.domain.job import decode_job
from pipeline.domain.message import Origin
from pipeline.domain.quota import Quota, paces
from pipeline.operations.ledger.accounting import Ledger, Letter
from pipeline.operations.ledger.job_ends import Place
from pipeline.operations.ledger.lane_records import LaneView
from pipeline.operations.ledger.paused import PausedSince
from pipeline.operations.ledger.statement import LaneStatement, LetterKind
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.upload.assembly import LaneAssembly
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.intake import Misfit
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.token_bucket import LaneTokenBucket
from pipeline.stages.upload.worker import UploadWorker
from pipeline.telemetry.facts import LaneLabel
from tests.fakes.lane_world import (
    AskedPauses,
    LaneTopic,
    MemoryMessageWriter,
    ModelPartner,
    Moods,
    TopicLease,
    TopicReplay,
)
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

CAP, WINDOW = 6000, 6.0
LABEL = LaneLabel("amazon", "connection")
ROUGH = Moods(not_sent=0.1, throttled=0.1, broken=0.1, silent=0.1, latest=9.0)


class CountingBucket:
    """The lane's bucket, and how much was ever spent from it."""

    def __init__(self, bucket: LaneTokenBucket, world: "World") -> None:
        self._bucket = bucket
        self._world = world

    def wait(self, tokens: int, now: float) -> float:
        return self._bucket.wait(tokens, now)

    def spend(self, tokens: int, now: float) -> None:
        self._bucket.spend(tokens, now)
        self._world.spent += tokens


@dataclass(slots=True)
class World:
    """A lane, its partner, and the means to give the lane to an owner."""

    random: Random
    partner: ModelPartner
    topic: LaneTopic = field(default_factory=LaneTopic)
    message_writer: MemoryMessageWriter = field(default_factory=MemoryMessageWriter)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    throttle: Throttle = field(default_factory=Throttle)
    requests: AskedPauses = field(default_factory=AskedPauses)
    quota: Quota = field(default_factory=lambda: Quota(window=WINDOW, records=CAP))
    batch: int = 15
    max_bytes: int = 100_000
    linger: float = 1.0
    in_flight: int = 4
    late: float = 10.0
    buffer_bytes: int = 10_000_000
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=0.5, maximum=4.0))
    probe: float = 60.0
    reader: tuple[int, float] = (1000, 0.0)
    """Records that the lane's reader gets at once at most, and the seconds that it takes."""
    idle: float = 1.0
    """Seconds after which the reader is told that nothing came."""
    replay: tuple[int, float] = (200, 0.05)
    """The same of a replay."""
    misfit: Misfit | None = None
    """Instead of the partner's."""
    hurry: float = 1.0
    """How much faster the clock of the event loop runs than the partner's."""
    spent: int = 0
    progress: Progress | None = None
    """Of the last owner."""

    def owner(self, lease: TopicLease) -> UploadWorker:
        return LaneAssembly(self.shared(), self.lane(), lease).worker()

    def lane(self) -> ServedLane:
        limits = Limits(
            max_records=self.batch,
            max_bytes=self.max_bytes,
            linger=self.linger,
            overhead_bytes=20,
        )
        lane_paces = paces(
            self.quota,
            largest_batch=self.batch,
            largest_body=self.max_bytes,
            max_in_flight=self.in_flight,
        )
        return ServedLane(
            name="lane",
            label=LABEL,
            partner=self.partner,
            misfit=self.misfit or self.partner.misfit,
            limits=limits,
            quota=self.quota,
            new_buckets=lambda: {
                what: CountingBucket(LaneTokenBucket(pace), self)
                for what, pace in lane_paces.items()
            },
            throttle=self.throttle,
            max_in_flight=self.in_flight,
            late_seconds=self.late,
            probe_seconds=self.probe,
            backoff=self.backoff,
        )

    def shared(self) -> SharedByLanes:
        wall_ms = lambda: int(asyncio.get_running_loop().time() * 1000)  # noqa: E731
        return SharedByLanes(
            budget=Budget(self.buffer_bytes, guaranteed=self.buffer_bytes, lanes=1),
            message_writer=self.message_writer,
            dead_letters=DeadLetters(
                topic="letters",
                stage="upload",
                payload="original",
                wall_ms=wall_ms,
                telemetry=self.telemetry,
            ),
            telemetry=self.telemetry,
            lane_telemetry=self.telemetry,
            jobs_topic="jobs",
            outcomes_topic="outcomes",
            trimmer=self.topic,
            keep_delivered=7200.0,
            pause_requests=self.requests,
            new_replay=lambda _: TopicReplay(self.topic, *self.replay),
            new_progress=self.new_progress,
            chance=self.random.random,
            new_id=lambda: uuid.uuid4().hex,
            wall_ms=wall_ms,
            cap_clock=lambda: asyncio.get_running_loop().time() / self.hurry,
        )

    def new_progress(self, name: str) -> Progress:
        self.progress = Progress(name, asyncio.get_running_loop().time)
        return self.progress

    async def own_until(self, done: Callable[[], bool], *, gently: bool = False) -> None:
        """Own the lane, committing every second, until `done`; then lose it, or give it up."""
        lease = TopicLease(self.topic, *self.reader, idle=self.idle)
        owner = self.owner(lease)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(owner.run())
            while not done():
                await asyncio.sleep(1.0)
                lease.commit(final=False)
                assert not task.done()
            lease.lose()
            if gently:
                async with asyncio.timeout(300):
                    await owner.drain()
                lease.commit(final=True)
            task.cancel()

    async def own_for(self, seconds: float, *, gently: bool = False) -> None:
        until = asyncio.get_running_loop().time() + seconds
        await self.own_until(lambda: asyncio.get_running_loop().time() >= until, gently=gently)

    async def own_to_the_end(self) -> None:
        await self.own_until(lambda: self.topic.committed.offset == len(self.topic.records))

    def ledger(self) -> LaneStatement:
        """What the topics say, polling apart: no job has ended."""
        lane, topic = "amazon.connection", TopicLease.topic
        committed, end = self.topic.committed, len(self.topic.records)
        paused = PausedSince(committed.paused, committed.others_paused)
        view = LaneView(0, self.topic.committed_offset, end, paused)
        book = Ledger({lane: view}, lane_topics={topic: lane}, jobs_topic="jobs", polled={0: 0})
        for place, message in enumerate(self.message_writer.of("jobs")):
            book.job(decode_job(message.value), Place(0, place))
        for message in self.message_writer.of("letters"):
            said = dict(message.headers)
            origin = Origin(said["topic"].decode(), 0, int(said["offset"]))
            book.letter(Letter(LetterKind(said["stage"].decode(), ""), origin))
        for record in self.topic.records:
            book.record(lane, record.offset, record.key)
        [statement] = book.statement().lanes
        return statement

    def expected(self) -> dict[tuple[str, str], int]:
        """The last version of each member that the partner can take."""
        last: dict[tuple[str, str], int] = {}
        for record in self.topic.records:
            assert record.key is not None
            assert record.value is not None
            audience, _, member = record.key.decode().partition("|")
            if member not in self.partner.poison:
                last[audience, member] = json.loads(record.value)["version"]
        return last


def in_world(
    seed: int, story: Callable[[World], Awaitable[None]], moods: Moods | None = None
) -> World:
    """Tell a story in a new world, in virtual time, until all that is at work has ended."""

    async def told() -> World:
        async with asyncio.TaskGroup() as tasks:
            random = Random(seed)
            world = World(random, ModelPartner(random, tasks, moods or Moods()))
            await story(world)
        return world

    return run_virtual(told())
