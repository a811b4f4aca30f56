"""Which jobs of one partition have an outcome, whether we or another process wrote it."""

import asyncio
import contextlib
import math
from collections import OrderedDict
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from pipeline.domain.job import Job
from pipeline.stages.ports import OutcomeReader

CLOCKS_DIFFER_MS = 60_000
"""Allowance for two clocks: the sender dates a job, the broker dates an outcome."""


class EndedJobs:
    """Tells whether a job has ended, before each question to the partner.

    A former owner may have been frozen, or its last outcome may be on the way, so the outcome can
    arrive late. That is why we first follow the topic, and then read the older outcomes in it.
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
        """Read the outcomes far enough back to know every outcome of these jobs until now.

        The time of a job's message is not enough: a frozen process may write the message again long
        after the job has ended.
        """
        oldest = min((job.submitted_at_ms for job in jobs), default=math.inf)
        oldest -= CLOCKS_DIFFER_MS
        if oldest >= self._stood_since:
            return
        if self._stood_since < math.inf:
            # Read twice as far, or a row of ever older jobs would cause a reading each time.
            oldest -= self._stood_since - oldest
        await self._listening.wait()
        self._stood = await self._outcome_reader.ended(self._partition, int(max(0, oldest)))
        self._stood_since = oldest

    def note(self, job_id: str) -> None:
        """Note that the outcome of this job is durable."""
        self._came[job_id] = None
        if len(self._came) > self._remembered:
            self._came.popitem(last=False)

    def has(self, job_id: str) -> bool:
        """Whether this job has an outcome, as far as we remember."""
        return job_id in self._came or job_id in self._stood
