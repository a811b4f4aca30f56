"""Poll: follows each job at growing intervals until it ends, and then never asks again.

A job is read, waits until it is due, and is asked for. The answer ends it, or it waits again. A job
that is pending for long is written again to the end of the topic: its offset would keep the offsets
behind it from being committed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from pipeline.domain.job import (
    GIVEN_UP,
    NOT_FOUND,
    Job,
    JobReport,
    OtherJobVersion,
    UnreadableJob,
    decode_job,
)
from pipeline.domain.message import Origin
from pipeline.stages.contract import Progress
from pipeline.stages.offset_tracker import OffsetTracker
from pipeline.stages.poll.deferred import DeferredJobs
from pipeline.stages.poll.due_jobs import DueJobs
from pipeline.stages.poll.ended_jobs import EndedJobs
from pipeline.stages.poll.following import Followed, Following
from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.poll.other_versions import OtherVersionJobs
from pipeline.stages.poll.outcomes import Outcomes
from pipeline.stages.poll.pending import PartitionJobs, PendingJobs
from pipeline.stages.poll.questions import NobodyToAsk, Questions
from pipeline.stages.ports import Lease, OutcomeReader, Record
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS

FETCH_RECORDS = 500
PENDING_AT_MOST = 20_000
"""Most jobs of one partition in memory, for all destinations; the others wait in the topic."""
OF_OTHERS = "an unknown destination"
OF_OTHER_VERSIONS = "another version"
"""Kinds of jobs beside the destinations, whose names have no blanks."""


class PollWorker:
    """Follows the jobs of one partition. A job that has an outcome is never asked again."""

    def __init__(
        self,
        lease: Lease,
        *,
        questions: Mapping[str, Questions],
        outcomes: Outcomes,
        job_topic: JobTopic,
        outcome_reader: OutcomeReader,
        pending: PendingJobs,
        carry_over_after: float,
        chance: Callable[[], float],
        wall_ms: Callable[[], int],
        progress: Progress,
    ) -> None:
        """`questions`: by destination. After `carry_over_after` seconds a job is written again."""
        self._lease = lease
        self._questions = questions
        self._outcomes = outcomes
        self._job_topic = job_topic
        self._pending = pending
        self._mine = PartitionJobs(pending)
        self._carry_over_after = carry_over_after
        self._chance = chance
        self._wall_ms = wall_ms
        self._progress = progress
        self._tracker = OffsetTracker(0)
        self._following = Following()
        self._ended_jobs = EndedJobs(outcome_reader, lease.partition, PENDING_AT_MOST)
        self._due = self._due_by_kind()
        self._of_other_versions = OtherVersionJobs(
            lease=lease,
            job_topic=job_topic,
            carry_over_after=carry_over_after,
            settled=self._other_version_moved,
        )
        self._deferred = DeferredJobs(PENDING_AT_MOST // (1 + len(questions)))

    async def run(self) -> None:
        """Follow jobs until cancelled."""
        start = await self._lease.begin()
        self._tracker = OffsetTracker(start.offset)
        self._lease.settle(start.offset)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ended_jobs.listen(), name=f"ends {self._lease.partition}")
                tasks.create_task(self._read(), name=f"read jobs {self._lease.partition}")
                others = self._of_other_versions.run()
                tasks.create_task(others, name=f"other versions {self._lease.partition}")
                for due in self._due.values():
                    tasks.create_task(due.run(), name=f"ask jobs {self._lease.partition}")
        finally:
            self._progress.busy(False)
            self._mine.clear()

    async def drain(self) -> None:
        for due in self._due.values():
            await due.drained()
        await self._of_other_versions.drained()

    def _due_by_kind(self) -> Mapping[str, DueJobs]:
        """Jobs of our destinations are asked for; all others are only written again in time."""
        lease = self._lease
        ours = {
            name: DueJobs(name, lease=lease, gate=gate, work=self._ask)
            for name, gate in self._questions.items()
        }
        others = DueJobs(OF_OTHERS, lease=lease, gate=NobodyToAsk(), work=self._carry_over)
        return {**ours, OF_OTHERS: others}

    # Reading

    async def _read(self) -> None:
        self._progress.busy(True)
        while True:
            if self._deferred.is_full:
                self._lease.pause()
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            again = self._deferred.read_again(self._followed())
            if again is not None:
                self._lease.seek(again)
            self._progress.advance()
            if self._deferred.is_full:
                continue
            records = await self._lease.fetch(FETCH_RECORDS)
            self._progress.advance()
            jobs = await self._jobs(records)
            # First learn which jobs have ended. A broker that is away is no hang of this worker.
            self._progress.busy(False)
            await self._ended_jobs.reach_back([job for job, _ in jobs])
            self._progress.busy(True)
            for job, record in jobs:
                self._take(job, record)

    def _followed(self) -> Mapping[str, int]:
        """Return how many jobs of each kind are in memory."""
        return {
            **{name: len(due) for name, due in self._due.items()},
            OF_OTHER_VERSIONS: len(self._of_other_versions),
        }

    async def _jobs(self, records: Sequence[Record]) -> Sequence[tuple[Job, Record]]:
        """Return the jobs to follow with their messages; write dead letters for what is no job."""
        jobs: list[tuple[Job, Record]] = []
        for record in records:
            is_first = record.offset >= self._tracker.next
            if not self._tracker.admit(record.offset):
                continue
            if not is_first and not self._deferred.is_due(record.offset):
                # This job is in memory already: the messages are read again for other jobs.
                continue
            try:
                job = decode_job(record.value).without_offsets()
                if not is_first:
                    self._mine.remove(job)
                jobs.append((job, record))
            except OtherJobVersion as other:
                if is_first:
                    self._mine.count_other_version(+1)
                self._keep(record, str(other))
            except UnreadableJob as unreadable:
                await self._job_topic.reject(self._lease, record, str(unreadable))
                self._settle(record.offset)
        return jobs

    def _keep(self, record: Record, why: str) -> None:
        kept = self._of_other_versions
        if kept.is_full or self._deferred.exceeds(len(kept)):
            self._deferred.defer(OF_OTHER_VERSIONS, record.offset)
        else:
            kept.keep(record, why)

    def _other_version_moved(self, offset: int) -> None:
        self._mine.count_other_version(-1)
        self._settle(offset)

    def _take(self, job: Job, record: Record) -> None:
        if self._ended_jobs.has(job.job_id):
            self._settle(record.offset)
            return
        placed_at_ms = record.timestamp if record.timestamp > 0 else self._wall_ms()
        earlier = self._following.move(job, record.offset, placed_at_ms)
        if earlier is not None:
            self._settle(earlier)
            return
        kind = job.destination if job.destination in self._questions else OF_OTHERS
        if self._deferred.exceeds(len(self._due[kind])):
            self._deferred.defer(kind, record.offset)
            self._mine.add(job)
            return
        followed = self._following.start(job, record.offset, placed_at_ms)
        self._mine.add(job)
        # A carried-over job was just asked for, so it waits a whole interval. Without that, a
        # wrong clock could make it spin.
        self._let_wait(followed, 0.0 if job.carried_over else self._standing(followed))

    def _let_wait(self, followed: Followed, waited: float = 0.0) -> None:
        """Wait for the next question; for an unknown destination, wait to be carried over."""
        job = followed.job
        if job.destination not in self._questions:
            self._due[OF_OTHERS].add(followed, max(0.0, self._carry_over_after - waited))
            return
        rules, backlog = self._questions[job.destination].rules, self._pending.of(job.destination)
        interval = rules.interval(job.polls, backlog, self._chance())
        self._due[job.destination].add(followed, max(0.0, interval - waited))

    # Asking

    async def _ask(self, followed: Followed) -> None:
        job = followed.job
        if self._ended_jobs.has(job.job_id):
            self._leave(followed)
            return
        if not self._lease.is_held:
            # We were frozen since its turn: a successor may have written how the job ended.
            self._let_wait(followed)
            return
        questions = self._questions[job.destination]
        answer = await questions.ask(job.job_id)
        self._progress.advance()
        now_ms = self._wall_ms()
        followed.hear(answer, now_ms)
        verdict = questions.rules.verdict(followed, answer, now_ms)
        if verdict == "ask_again":
            await self._go_on(followed)
        elif isinstance(answer, JobReport) and answer.is_terminal:
            await self._end(followed, answer)
        else:
            await self._end_unknown(followed, GIVEN_UP if verdict == "given_up" else NOT_FOUND)

    async def _go_on(self, followed: Followed) -> None:
        if self._standing(followed) > self._carry_over_after:
            await self._carry_over(followed)
        else:
            self._let_wait(followed)

    async def _carry_over(self, followed: Followed) -> None:
        if self._ended_jobs.has(followed.job.job_id):
            self._leave(followed)
            return
        if not self._lease.is_held:
            # The new owner follows the job; our message now could come behind the job's outcome.
            self._let_wait(followed)
            return
        # From here on we follow the new message, which we may read before the write returns.
        self._following.let_go(followed.job.job_id)
        offset = followed.offset
        await self._job_topic.write_again(followed.job)
        self._mine.remove(followed.job)
        self._settle(offset)

    # Ending

    async def _end(self, followed: Followed, report: JobReport) -> None:
        """Write the outcome and its dead letters; only then is the job done."""
        origin = Origin(self._lease.topic, self._lease.partition, followed.offset)
        await self._outcomes.write_ended(origin, followed.job, report)
        self._ended_jobs.note(followed.job.job_id)
        self._leave(followed)

    async def _end_unknown(self, followed: Followed, state: str) -> None:
        await self._outcomes.write_unknown(followed.job, state)
        self._ended_jobs.note(followed.job.job_id)
        self._leave(followed)

    def _leave(self, followed: Followed) -> None:
        """Leave a job that has its outcome, from us or from a former owner of the partition."""
        self._following.let_go(followed.job.job_id)
        self._mine.remove(followed.job)
        self._settle(followed.offset)

    def _settle(self, offset: int) -> None:
        self._tracker.settle(offset)
        self._lease.settle(self._tracker.committable)

    def _standing(self, followed: Followed) -> float:
        return followed.stands_for(self._wall_ms())
