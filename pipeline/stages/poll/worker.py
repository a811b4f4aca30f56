"""Poll: follows each job at growing intervals until it ends, and then never asks again."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from pipeline.domain.job import (
    GIVEN_UP,
    NOT_FOUND,
    End,
    InvalidRecord,
    Job,
    JobReport,
    NotYet,
    UnreadableJob,
    decode_job,
    encode_outcome,
    encode_unknown,
    tally,
)
from pipeline.domain.message import Message, Origin
from pipeline.stages.contract import LOOK_AGAIN_SECONDS, Progress, until
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.poll.ended_jobs import EndedJobs
from pipeline.stages.poll.following import Followed, Following
from pipeline.stages.poll.plan import PollDesk, PollPlan
from pipeline.stages.poll.turns import Turns
from pipeline.stages.ports import Lease, Record
from pipeline.telemetry.facts import LaneLabel

FETCH_RECORDS = 500
PENDING_AT_MOST = 20_000
"""Jobs one partition holds in memory; what comes later waits in the topic."""
ASKED_AT_ONCE = 4
JITTER = 0.2
"""Intervals vary by so much, or the jobs of one minute would be asked in one second for ever."""

log = structlog.get_logger(__name__)


class PollWorker:
    """Follows the jobs of one partition. A job that has an outcome is never asked again."""

    def __init__(self, lease: Lease, desk: PollDesk, progress: Progress) -> None:
        self._lease = lease
        self._desk = desk
        self._progress = progress
        self._turns: Turns[Followed] = Turns()
        self._pending: Counter[LaneLabel] = Counter()
        self._tracker = OffsetTracker(0)
        self._following = Following()
        self._changed = asyncio.Event()
        self._ended_jobs = EndedJobs(
            desk.outcome_reader, lease.partition, PENDING_AT_MOST, changed=self._changed.set
        )
        self._asking = 0
        self._drained = asyncio.Event()
        self._drained.set()

    async def run(self) -> None:
        """Follow jobs until cancelled."""
        start = await self._lease.begin()
        self._tracker = OffsetTracker(start.offset)
        self._lease.settle(start.offset)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ended_jobs.listen(), name=f"ends {self._lease.partition}")
                tasks.create_task(self._read(), name=f"read jobs {self._lease.partition}")
                tasks.create_task(self._ask_all(tasks), name=f"ask jobs {self._lease.partition}")
        finally:
            self._progress.busy(False)
            for label, count in self._pending.items():
                self._show_pending(label, -count)

    async def drain(self) -> None:
        await self._drained.wait()

    # Reading

    async def _read(self) -> None:
        self._progress.busy(True)
        while True:
            if len(self._turns) >= PENDING_AT_MOST:
                self._lease.pause()
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                self._progress.advance()
                continue
            records = await self._lease.fetch(FETCH_RECORDS)
            self._progress.advance()
            jobs = await self._jobs(records)
            # Nothing is asked before it is known what has ended, and a broker away is no hang.
            self._progress.busy(False)
            await self._ended_jobs.reach_back([job for job, _ in jobs])
            self._progress.busy(True)
            for job, offset in jobs:
                await self._take(job, offset)
            self._changed.set()

    async def _jobs(self, records: Sequence[Record]) -> Sequence[tuple[Job, int]]:
        """What is to be done, with its offsets; what cannot be read becomes a dead letter."""
        jobs: list[tuple[Job, int]] = []
        for record in records:
            if not self._tracker.admit(record.offset):
                continue
            try:
                jobs.append((decode_job(record.value).without_offsets(), record.offset))
            except UnreadableJob as unreadable:
                await self._dead_letter(record, str(unreadable))
        return jobs

    async def _take(self, job: Job, offset: int) -> None:
        if self._ended_jobs.has(job.job_id):
            self._settle(offset)
        elif job.destination not in self._desk.plans:
            await self._end(Followed(job, offset), GIVEN_UP, None)
        elif (earlier := self._following.move(job, offset)) is not None:
            self._settle(earlier)
        else:
            followed = self._following.start(job, offset)
            self._count(job, +1)
            self._turns.add(job.connection, self._first_due(job), followed)

    async def _dead_letter(self, record: Record, detail: str) -> None:
        letter = self._desk.letters.letter(self._lease, record, "malformed", detail)
        await self._desk.message_writer.write([letter])
        self._desk.letters.written("malformed")
        self._settle(record.offset)

    def _first_due(self, job: Job) -> float:
        plan = self._desk.plans[job.destination]
        wait = self._interval(plan, job.polls) - self._age(job)
        return _now() + max(0.0, wait)

    # Asking

    async def _ask_all(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._lease.wait_held()
            followed = self._turns.take(_now()) if self._asking < ASKED_AT_ONCE else None
            if followed is not None:
                self._asking += 1
                self._drained.clear()
                tasks.create_task(self._ask(followed), name=f"ask {followed.job.job_id}")
                continue
            self._changed.clear()
            due = self._turns.due_in(_now()) if self._asking < ASKED_AT_ONCE else None
            wait = LOOK_AGAIN_SECONDS if due is None else min(due, LOOK_AGAIN_SECONDS)
            await until(self._changed, wait)

    async def _ask(self, followed: Followed) -> None:
        plan = self._desk.plans[followed.job.destination]
        try:
            await plan.request_limiter.turn()
            if self._ended_jobs.has(followed.job.job_id):
                self._leave(followed)
                return
            if not self._lease.is_held:
                self._turns.add(followed.job.connection, _now(), followed)
                return
            report = await plan.status.ask(followed.job.job_id)
            followed.polls += 1
            await self._decide(followed, plan, report)
        finally:
            self._asking -= 1
            if not self._asking:
                self._drained.set()
            self._progress.advance()
            self._changed.set()

    async def _decide(self, followed: Followed, plan: PollPlan, report: JobReport | NotYet) -> None:
        age = self._age(followed.job)
        if isinstance(report, JobReport) and report.is_terminal:
            await self._end(followed, report.state, report)
        elif isinstance(report, NotYet) and report.is_missing and age > plan.missing_tolerated:
            await self._end(followed, NOT_FOUND, None)
        elif age > plan.give_up_after:
            await self._end(followed, GIVEN_UP, None)
        elif age > plan.carry_over_after * (followed.job.carried_over + 1):
            await self._carry_over(followed)
        else:
            wait = self._interval(plan, followed.polls)
            if isinstance(report, NotYet) and report.wait is not None:
                wait = max(wait, report.wait)
            self._turns.add(followed.job.connection, _now() + wait, followed)

    async def _carry_over(self, followed: Followed) -> None:
        if not self._lease.is_held:
            # Its new owner follows it; written now, it would stand behind its own end.
            self._turns.add(followed.job.connection, _now(), followed)
            return
        job = followed.job.carry_over(followed.polls)
        message = Message(self._desk.jobs_topic, job.job_id.encode(), job.encode(), ())
        # Before the write: the new copy may be read before we hear that it is durable.
        self._following.let_go(job.job_id)
        offset = followed.offset
        await self._desk.message_writer.write([message])
        self._count(job, -1)
        self._settle(offset)

    async def _end(self, followed: Followed, state: str, report: JobReport | None) -> None:
        """Write the outcome and what it refers to; only then is the job done."""
        job = followed.job
        invalid = () if report is None else report.invalid
        now_ms = self._desk.wall_ms()
        outcome = (
            encode_unknown(job, state, now_ms)
            if report is None
            else encode_outcome(job, report, now_ms)
        )
        messages = [Message(self._desk.outcomes_topic, job.job_id.encode(), outcome, ())]
        messages += [self._letter(followed, one) for one in invalid]
        await self._desk.message_writer.write(messages)
        self._ended_jobs.note(job.job_id)
        self._leave(followed)
        self._say(job, state, "unknown" if report is None else report.end, len(invalid))

    def _leave(self, followed: Followed) -> None:
        """It has its outcome, from us or from who had the partition before."""
        self._following.let_go(followed.job.job_id)
        if self._pending[_label(followed.job)]:
            self._count(followed.job, -1)
        self._settle(followed.offset)

    def _letter(self, followed: Followed, invalid: InvalidRecord) -> Message:
        """Refers to a record that was delivered: its value stands in the lane's topic."""
        job = followed.job
        origin = Origin(self._lease.topic, self._lease.partition, followed.offset)
        key = f"{job.audience_id}|{invalid.member}".encode()
        detail = f"job {job.job_id}, audience {job.audience_id}: {invalid.error}"
        return self._desk.letters.compose(origin, key, job.encode(), "invalid", detail)

    def _say(self, job: Job, state: str, end: End, invalid: int) -> None:
        telemetry, label = self._desk.telemetry, _label(job)
        ends = tally(job.records, end, invalid)
        telemetry.job_ended(lane=label, state=state, seconds=self._age(job))
        if ends.applied:
            telemetry.records_applied(lane=label, count=ends.applied)
            telemetry.freshness(stage="applied", seconds=self._freshness(job), count=ends.applied)
        if ends.invalid:
            telemetry.records_invalid(lane=label, count=ends.invalid)
            self._desk.letters.written("invalid", invalid)
        if ends.failed:
            telemetry.records_failed(lane=label, count=ends.failed)
        if ends.unknown:
            telemetry.records_unknown(lane=label, count=ends.unknown)
        if ends.invalid + ends.failed == job.records:
            telemetry.job_wholly_invalid(lane=label, audience_id=str(job.audience_id))
            log.error("job applied nothing", job=job.job_id, audience=job.audience_id, state=state)

    def _settle(self, offset: int) -> None:
        self._tracker.settle(offset)
        self._lease.settle(self._tracker.committable)

    def _count(self, job: Job, change: int) -> None:
        self._pending[_label(job)] += change
        self._show_pending(_label(job), change)

    def _show_pending(self, label: LaneLabel, change: int) -> None:
        self._desk.pending[label] += change
        self._desk.telemetry.jobs_pending(lane=label, count=self._desk.pending[label])

    def _interval(self, plan: PollPlan, polls: int) -> float:
        base = min(plan.longest, plan.initial * plan.factor ** min(polls, 50))
        return base * (1 - JITTER / 2 + JITTER * self._desk.chance())

    def _freshness(self, job: Job) -> float:
        """Seconds since the oldest change of the job; its submission came later."""
        return max(0.0, (self._desk.wall_ms() - job.oldest_changed_at_ms) / 1000)

    def _age(self, job: Job) -> float:
        return max(0.0, (self._desk.wall_ms() - job.submitted_at_ms) / 1000)


def _label(job: Job) -> LaneLabel:
    return LaneLabel(job.destination, job.connection)


def _now() -> float:
    return asyncio.get_running_loop().time()
