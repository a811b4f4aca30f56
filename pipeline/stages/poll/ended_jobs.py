"""Which jobs of one partition have an outcome, whoever wrote it: what stands, and what comes."""

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from pipeline.domain.job import Job
from pipeline.stages.ports import OutcomeReader

CLOCKS_DIFFER_MS = 60_000
"""A job's time is its sender's, an outcome's is the broker's."""


class EndedJobs:
    """Answers before every question to the partner; a former owner's outcome may still arrive.

    One that lost the partition with an outcome on its way, or frozen in the middle, is heard of
    late: so the topic is listened to first, and what stands in it is read after that.
    """

    def __init__(self, outcome_reader: OutcomeReader, partition: int, remembered: int) -> None:
        self._outcome_reader = outcome_reader
        self._partition = partition
        self._remembered = remembered
        self._came: OrderedDict[str, None] = OrderedDict()
        self._stood: AbstractSet[str] = frozenset()
        self._stood_since = math.inf
        self._listening = asyncio.Event()

    async def listen(self) -> None:
        """Take note of every outcome from now on, until cancelled."""
        async with contextlib.aclosing(self._outcome_reader.follow(self._partition)) as coming:
            async for job_ids in coming:
                for job_id in job_ids:
                    self.note(job_id)
                self._listening.set()

    async def reach_back(self, jobs: Sequence[Job]) -> None:
        """Know of every outcome that one of these jobs may have had until now.

        The time at which a job's message was written says too little: a process that was frozen
        may write one again long after the job has ended.
        """
        oldest = min((job.submitted_at_ms for job in jobs), default=math.inf)
        oldest -= CLOCKS_DIFFER_MS
        if oldest >= self._stood_since:
            return
        if self._stood_since < math.inf:
            # Twice as far as asked for, or a row of ever older jobs would have it read every time.
            oldest -= self._stood_since - oldest
        await self._listening.wait()
        self._stood = await self._outcome_reader.ended(self._partition, int(max(0, oldest)))
        self._stood_since = oldest

    def note(self, job_id: str) -> None:
        """This one's outcome is durable."""
        self._came[job_id] = None
        if len(self._came) > self._remembered:
            self._came.popitem(last=False)

    def has(self, job_id: str) -> bool:
        """Whether it has an outcome, as far as that is remembered."""
        return job_id in self._came or job_id in self._stood
