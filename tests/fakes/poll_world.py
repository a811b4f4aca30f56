"""Partitions of jobs in memory, followed as the stage does it, in virtual time."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipeline.domain.job import Job, JobReport, NotYet, decode_outcome
from pipeline.domain.message import Message
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.poll.outcomes import Outcomes
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.poll.questions import Questions
from pipeline.stages.poll.rules import PollRules
from pipeline.stages.poll.worker import PollWorker
from pipeline.stages.ports import RequestLimiter
from pipeline.stages.retry import Throttle
from pipeline.stages.roster import PollStage
from tests.fakes.lane_world import LaneTopic, MemoryMessageWriter, TopicLease, TopicRecord
from tests.fakes.telemetry import RecordingTelemetry

RULES = PollRules(
    initial=1.0,
    factor=1.5,
    longest=10.0,
    questions_per_second=5.0,
    give_up_after=1000.0,
    missing_tolerated=10.0,
)
DONE = JobReport(state="SUCCEEDED", end="applied")


class Partner(Protocol):
    """Says what it likes of a job, and remembers who was asked for when."""

    asked: list[tuple[float, str]]

    async def ask(self, job_id: str) -> JobReport | NotYet: ...


@dataclass(slots=True)
class EndingPartner:
    """Jobs end at their time."""

    ends_at: dict[str, float]
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def ask(self, job_id: str) -> JobReport | NotYet:
        began = now()
        self.asked.append((began, job_id))
        await asyncio.sleep(0.1)
        if began < self.ends_at.get(job_id, 0.0):
            return JobReport(state="PENDING", end="pending")
        return DONE


@dataclass(slots=True)
class SayingPartner:
    """Says of every job the same, for as long as it is told to; then it is done."""

    says: JobReport | NotYet
    until: float
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def ask(self, job_id: str) -> JobReport | NotYet:
        self.asked.append((now(), job_id))
        await asyncio.sleep(0.1)
        return self.says if now() < self.until else DONE


@dataclass(slots=True)
class ScriptedPartner:
    """Says one thing after the other, whatever it is asked for; then every job is done."""

    says: list[JobReport | NotYet]
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def ask(self, job_id: str) -> JobReport | NotYet:
        self.asked.append((now(), job_id))
        answer = self.says.pop(0) if self.says else DONE
        await asyncio.sleep(0.1)
        return answer


@dataclass(slots=True)
class HangingPartner:
    """Answers nothing until the client has had enough; for all jobs, or for those named so."""

    names: str = ""
    seconds: float = 60.0
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def ask(self, job_id: str) -> JobReport | NotYet:
        self.asked.append((now(), job_id))
        if job_id.startswith(self.names):
            await asyncio.sleep(self.seconds)
            return NotYet("timed out")
        await asyncio.sleep(0.2)
        return DONE


@dataclass(slots=True)
class SlowLimiter:
    seconds: float = 0.0

    async def turn(self) -> None:
        await asyncio.sleep(self.seconds)


class PerSecond:
    """So many questions a second, whoever asks, first come first served."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = 0.0

    async def turn(self) -> None:
        mine = max(self._next, now())
        self._next = mine + self._gap
        await asyncio.sleep(mine - now())


class Jobs(LaneTopic):
    """One partition of the topic; its records carry the broker's time."""

    def append(
        self, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        try:
            written_at_ms = wall_ms()
        except RuntimeError:  # before the story begins
            written_at_ms = 0
        record = TopicRecord(len(self.records), key, value, headers, max(1, written_at_ms))
        self.records.append(record)
        self.grown.set()

    def place(self, job: Job) -> None:
        self.append(job.job_id.encode(), job.encode())


class JobsWriter(MemoryMessageWriter):
    """A message writer whose jobs come back as the topic that is read; durable a little later."""

    def __init__(self, topic: Jobs) -> None:
        super().__init__()
        self._topic = topic
        self.durable: list[Message] = []

    async def write(self, messages: Sequence[Message]) -> None:
        await super().write(messages)
        for message in messages:
            if message.topic == "jobs":
                self._topic.append(message.key, message.value)
        await asyncio.sleep(2.0)
        self.durable += messages


@dataclass(slots=True)
class OutcomesTopic:
    """What stands in the topic of outcomes, by its time in milliseconds, and what comes."""

    stands: dict[str, int] = field(default_factory=dict)
    asked_since: list[int] = field(default_factory=list)
    _coming: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def ended(self, partition: int, since_ms: int) -> frozenset[str]:
        self.asked_since.append(since_ms)
        return frozenset(job for job, at in self.stands.items() if at >= since_ms)

    async def follow(self, partition: int) -> AsyncGenerator[Sequence[str], None]:
        yield ()
        while True:
            yield [await self._coming.get()]

    def arrive(self, job_id: str) -> None:
        """From a process that had the partition before."""
        self.stands[job_id] = wall_ms()
        self._coming.put_nowait(job_id)


@dataclass(slots=True, kw_only=True)
class PollWorld:
    """One partition, and the destinations that this process knows."""

    partners: dict[str, Partner]
    rules: PollRules = RULES
    limiter: RequestLimiter = field(default_factory=SlowLimiter)
    """Of every destination that has none of its own."""
    limiters: dict[str, RequestLimiter] = field(default_factory=dict)
    carry_over_after: float = 15.0
    throttles: dict[str, Throttle] = field(default_factory=dict)
    topic: Jobs = field(default_factory=Jobs)
    outcome_reader: OutcomesTopic = field(default_factory=OutcomesTopic)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    writer: JobsWriter = field(init=False)

    def __post_init__(self) -> None:
        self.writer = JobsWriter(self.topic)

    def stage(self) -> PollStage:
        letters = DeadLetters(
            topic="letters",
            stage="poll",
            payload="original",
            wall_ms=wall_ms,
            telemetry=self.telemetry,
        )
        return PollStage(
            questions={name: self._questions(name) for name in self.partners},
            outcomes=Outcomes(
                topic="outcomes",
                message_writer=self.writer,
                letters=letters,
                telemetry=self.telemetry,
                wall_ms=wall_ms,
            ),
            job_topic=JobTopic(topic="jobs", message_writer=self.writer, letters=letters),
            outcome_reader=self.outcome_reader,
            pending=PendingJobs(self.telemetry),
            carry_over_after=self.carry_over_after,
            chance=lambda: 0.5,
            wall_ms=wall_ms,
            new_progress=lambda name: Progress(name, now),
        )

    def _questions(self, name: str) -> Questions:
        return Questions(
            status=self.partners[name],
            request_limiter=self.limiters.get(name, self.limiter),
            throttle=self.throttles.setdefault(name, Throttle()),
            rules=self.rules,
        )

    @asynccontextmanager
    async def owned(self, lease: TopicLease | None = None) -> AsyncIterator[TopicLease]:
        """Somebody follows the jobs as long as the block lasts, by this lease or a new one."""
        lease = lease or TopicLease(self.topic)
        async with asyncio.TaskGroup() as tasks:
            worker: PollWorker = self.stage().worker(lease)
            running = tasks.create_task(worker.run())
            yield lease
            running.cancel()

    async def followed_for(self, seconds: float) -> TopicLease:
        async with self.owned() as lease:
            await asyncio.sleep(seconds)
        return lease

    async def sleep_until(self, at: float) -> None:
        await asyncio.sleep(at - now())

    @property
    def asked(self) -> list[tuple[float, str]]:
        """When which job was asked for, whoever was asked."""
        return sorted(one for partner in self.partners.values() for one in partner.asked)

    @property
    def durable_outcomes(self) -> int:
        return sum(message.topic == "outcomes" for message in self.writer.durable)

    def outcomes(self) -> list[str]:
        return [
            json.loads(message.value or b"")["job_id"] for message in self.writer.of("outcomes")
        ]

    def states(self) -> dict[str, str]:
        """How each job ended."""
        ended = [decode_outcome(message.value) for message in self.writer.of("outcomes")]
        return {outcome.job.job_id: outcome.state for outcome in ended}


def world_of(partner: Partner, limiter: SlowLimiter | None = None) -> PollWorld:
    """One destination, `amazon`."""
    return PollWorld(partners={"amazon": partner}, limiter=limiter or SlowLimiter())


def now() -> float:
    return asyncio.get_running_loop().time()


def wall_ms() -> int:
    return int(now() * 1000)


def job(job_id: str, **changed: object) -> Job:
    usual = Job(
        job_id=job_id,
        destination="amazon",
        connection="connection",
        audience_id="7",
        records=10,
        removes=0,
        oldest_changed_at_ms=0,
        first_offset=0,
        last_offset=9,
        submitted_at_ms=0,
    )
    return replace(usual, **changed)  # type: ignore[arg-type]
