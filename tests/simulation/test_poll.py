"""One partition of jobs, followed in virtual time."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

from pipeline.domain.job import Job, JobReport, NotYet, decode_job, decode_outcome
from pipeline.domain.message import Message
from pipeline.stages.contract import DeadLetters, Progress
from pipeline.stages.poll.plan import PollDesk, PollPlan
from pipeline.stages.poll.worker import PollWorker
from tests.fakes.lane_world import LaneTopic, MemoryMessageWriter, TopicLease
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual


@dataclass(slots=True)
class EndingPartner:
    """Jobs end at their time; remembers who was asked for when."""

    ends_at: dict[str, float]
    asked: list[tuple[float, str]] = field(default_factory=list)

    async def ask(self, job_id: str) -> JobReport | NotYet:
        now = asyncio.get_running_loop().time()
        self.asked.append((now, job_id))
        await asyncio.sleep(0.1)
        if now < self.ends_at[job_id]:
            return JobReport(state="PENDING", end="pending")
        return JobReport(state="SUCCEEDED", end="applied")


@dataclass(slots=True)
class SlowTurnstile:
    seconds: float = 0.0

    async def turn(self) -> None:
        await asyncio.sleep(self.seconds)


class JobsTopic(MemoryMessageWriter):
    """A message writer whose jobs come back as the topic that is read; durable a little later."""

    def __init__(self, topic: LaneTopic) -> None:
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
        self.stands[job_id] = _wall_ms()
        self._coming.put_nowait(job_id)


@dataclass(slots=True)
class World:
    partner: EndingPartner
    topic: LaneTopic = field(default_factory=LaneTopic)
    request_limiter: SlowTurnstile = field(default_factory=SlowTurnstile)
    outcome_reader: OutcomesTopic = field(default_factory=OutcomesTopic)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    message_writer: JobsTopic = field(init=False)

    def __post_init__(self) -> None:
        self.message_writer = JobsTopic(self.topic)

    def put(self, job: Job) -> None:
        self.topic.append(job.job_id.encode(), job.encode())

    def worker(self, lease: TopicLease) -> PollWorker:
        plan = PollPlan(
            status=self.partner,
            request_limiter=self.request_limiter,
            initial=1.0,
            factor=1.5,
            longest=10.0,
            give_up_after=1000.0,
            missing_tolerated=10.0,
            carry_over_after=15.0,
        )
        letters = DeadLetters(
            topic="letters",
            stage="poll",
            payload="original",
            wall_ms=_wall_ms,
            telemetry=self.telemetry,
        )
        desk = PollDesk(
            plans={"amazon": plan},
            message_writer=self.message_writer,
            letters=letters,
            outcome_reader=self.outcome_reader,
            telemetry=self.telemetry,
            jobs_topic="jobs",
            outcomes_topic="outcomes",
            chance=lambda: 0.5,
            wall_ms=_wall_ms,
            pending=Counter(),
        )
        return PollWorker(lease, desk, Progress("jobs", asyncio.get_running_loop().time))

    @property
    def durable_outcomes(self) -> int:
        return sum(message.topic == "outcomes" for message in self.message_writer.durable)

    def outcomes(self) -> list[str]:
        return [
            json.loads(message.value or b"")["job_id"]
            for message in self.message_writer.of("outcomes")
        ]


def _wall_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)


def _job(job_id: str) -> Job:
    return Job(
        job_id=job_id,
        destination="amazon",
        connection="connection",
        audience_id="7",
        records=10,
        removes=0,
        first_offset=0,
        last_offset=9,
        submitted_at_ms=0,
        oldest_changed_at_ms=0,
    )


def test_a_job_that_stands_twice_in_the_topic_is_followed_once() -> None:
    """
    Its carried-over copy and its old place are both read by whoever takes the partition over.
    """
    world = World(EndingPartner({"job": 30.0, "other": 5.0}))

    async def story() -> TopicLease:
        world.put(_job("job"))
        world.put(_job("other"))
        world.put(_job("job").carry_over(polls=3))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(100.0)
            task.cancel()
        return lease

    lease = run_virtual(story())

    assert sorted(world.outcomes()) == ["job", "other"]
    asked = [at for at, job_id in world.partner.asked if job_id == "job"]
    assert sum(at >= 30.0 for at in asked) == 1
    assert lease.settled.offset == len(world.topic.records)


def test_a_copy_that_is_read_after_the_job_has_ended_is_not_asked_for() -> None:
    """
    The old place of a carried-over job can end before its copy at the end of the topic is read.
    """
    world = World(EndingPartner({"job": 5.0}))

    async def story() -> TopicLease:
        world.put(_job("job"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(20.0)
            world.put(_job("job").carry_over(polls=3))
            await asyncio.sleep(20.0)
            task.cancel()
        return lease

    lease = run_virtual(story())

    assert world.outcomes() == ["job"]
    assert lease.settled.offset == 2


def test_a_job_carried_over_is_followed_from_the_copy_that_is_read_before_the_write_is_known() -> (
    None
):
    """
    Between a copy standing in the topic and our hearing of it nothing is lost.
    """
    world = World(EndingPartner({"job": 60.0}))

    async def story() -> TopicLease:
        world.put(_job("job"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(200.0)
            task.cancel()
        return lease

    lease = run_virtual(story())

    assert len(world.topic.records) > 2
    assert world.outcomes() == ["job"]
    assert lease.settled.offset == len(world.topic.records)


def test_who_follows_a_job_does_not_hold_the_offsets_that_it_took() -> None:
    """
    Of twenty thousand jobs they would be hundreds of megabytes; the first message keeps them.
    """
    world = World(EndingPartner({"job": 60.0}))

    async def story() -> None:
        world.put(replace(_job("job"), last_offset=10, offsets="0:9,1"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(100.0)
            task.cancel()

    run_virtual(story())

    first, *copies = [decode_job(record.value) for record in world.topic.records]
    [outcome] = [decode_outcome(message.value) for message in world.message_writer.of("outcomes")]
    assert first.offsets == "0:9,1"
    assert {copy.offsets for copy in copies} == {""}
    assert outcome.job.offsets == ""


def test_who_lost_the_partition_while_waiting_for_a_turn_asks_no_more() -> None:
    """
    A process that was frozen between its turn and its question leaves the job to its successor.
    """
    world = World(EndingPartner({"job": 0.0}), request_limiter=SlowTurnstile(10.0))

    async def story() -> None:
        world.put(_job("job"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(5.0)
            lease.lose()
            await asyncio.sleep(20.0)
            task.cancel()

    run_virtual(story())

    assert world.partner.asked == []


def test_no_job_is_settled_before_its_outcome_is_durable() -> None:
    """Whoever takes over in between asks once more, and the outcome is not lost."""

    async def story() -> tuple[World, list[tuple[int, int]]]:
        world = World(EndingPartner({f"job-{number}": 0.0 for number in range(5)}))
        seen: list[tuple[int, int]] = []
        for number in range(5):
            world.put(_job(f"job-{number}"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(lease).run())
            for _ in range(120):
                await asyncio.sleep(0.1)
                seen.append((lease.settled.offset, world.durable_outcomes))
            running.cancel()
        return world, seen

    world, seen = run_virtual(story())

    assert len(world.outcomes()) == 5
    assert all(settled <= durable for settled, durable in seen)
    assert seen[-1] == (5, 5)


def test_an_outcome_of_a_former_owner_that_arrives_late_is_heard_of_and_nothing_is_asked() -> None:
    """
    It was on its way when the partition was lost, and became durable after this owner had looked.
    """

    async def story() -> World:
        world = World(EndingPartner({"job": 0.0}))
        world.put(_job("job"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(0.5)
            world.outcome_reader.arrive("job")
            await asyncio.sleep(30)
            running.cancel()
        assert lease.settled.offset == 1
        return world

    world = run_virtual(story())

    assert world.partner.asked == []
    assert world.outcomes() == []


def test_a_copy_that_a_frozen_process_wrote_behind_the_end_of_its_job_is_not_asked_for() -> None:
    """
    Its message is young and its job is old: what is looked for is the outcome of the job.
    """

    async def story() -> World:
        world = World(EndingPartner({"old": 0.0, "young": 0.0}))
        await asyncio.sleep(7200)
        world.outcome_reader.stands["old"] = 3_600_000
        world.put(replace(_job("young"), submitted_at_ms=_wall_ms()))
        world.put(replace(_job("old"), carried_over=1))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(lease).run())
            await asyncio.sleep(30)
            running.cancel()
        assert lease.settled.offset == 2
        return world

    world = run_virtual(story())

    assert {job for _, job in world.partner.asked} == {"young"}
    assert len(world.outcome_reader.asked_since) == 1


def test_who_lost_the_partition_while_it_asked_writes_no_copy() -> None:
    """
    The job's new owner follows it; a copy would stand behind whatever it writes.
    """

    async def story() -> World:
        world = World(EndingPartner({"job": 900.0}))
        world.put(_job("job"))
        lease = TopicLease(world.topic)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(world.worker(lease).run())
            while not world.partner.asked or world.partner.asked[-1][0] < 10.0:
                await asyncio.sleep(0.01)
            asked = len(world.partner.asked)
            while len(world.partner.asked) == asked:
                await asyncio.sleep(0.01)
            lease.lose()
            await asyncio.sleep(60)
            running.cancel()
        return world

    world = run_virtual(story())

    assert world.message_writer.of("jobs") == []


def test_applied_changes_are_as_old_as_the_change_and_not_as_their_job() -> None:
    """
    A change may wait for hours in its lane before its job is submitted: the age counts that too.
    """
    world = World(EndingPartner({"job": 5.0}))
    job = replace(_job("job"), oldest_changed_at_ms=-7_200_000)

    async def story() -> None:
        world.put(job)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(world.worker(TopicLease(world.topic)).run())
            await asyncio.sleep(30.0)
            task.cancel()

    run_virtual(story())

    [(milestone, seconds, count)] = world.telemetry.ages
    assert (milestone, count) == ("applied", 10)
    assert 7_205.0 <= seconds < 7_230.0
