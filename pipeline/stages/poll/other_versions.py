"""Keeps job messages of another version of this program in their topic until that one runs."""

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.ports import Lease, Record
from pipeline.stages.waiting import LOOK_AGAIN_SECONDS, until

MOST_BYTES = 8 * 1024 * 1024
LOG_SECONDS = 60.0

log = structlog.get_logger(__name__)


class OtherVersionJobs:
    """The messages of one partition that another version wrote.

    In a rolling deployment, or after a rollback, such a message is correct: only the version that
    wrote it can follow the job. Its offset would block all messages behind it. So after a while it
    is written again to the end of the topic, unchanged.
    """

    def __init__(
        self,
        *,
        lease: Lease,
        job_topic: JobTopic,
        carry_over_after: float,
        settled: Callable[[int], None],
    ) -> None:
        """`settled` gets the old offset of each message that was written again."""
        self._lease = lease
        self._job_topic = job_topic
        self._carry_over_after = carry_over_after
        self._settled = settled
        self._kept: deque[tuple[float, Record]] = deque()
        self._bytes = 0
        self._log_again_at = 0.0
        self._changed = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def is_full(self) -> bool:
        return self._bytes >= MOST_BYTES

    def keep(self, record: Record, why: str) -> None:
        """Keep one message; `why` names its version and ours."""
        self._kept.append((_now() + self._carry_over_after, record))
        self._bytes += len(record.value or b"")
        self._changed.set()
        if _now() >= self._log_again_at:
            self._log_again_at = _now() + LOG_SECONDS
            log.warning(
                "jobs of another version are kept: run the release that wrote them",
                topic=self._lease.topic,
                partition=self._lease.partition,
                offset=record.offset,
                why=why,
                kept=len(self._kept),
            )

    async def drained(self) -> None:
        """Return once nothing is being written."""
        await self._drained.wait()

    async def run(self) -> None:
        """Write each message again when it is due, until cancelled."""
        while True:
            await self._until_due()
            await self._lease.wait_held()
            self._drained.clear()
            try:
                _, record = self._kept[0]
                await self._job_topic.write_as_it_is(record)
                self._kept.popleft()
                self._bytes -= len(record.value or b"")
                self._settled(record.offset)
            finally:
                self._drained.set()

    async def _until_due(self) -> None:
        while not self._kept or self._kept[0][0] > _now():
            self._changed.clear()
            wait = self._kept[0][0] - _now() if self._kept else LOOK_AGAIN_SECONDS
            await until(self._changed, min(wait, LOOK_AGAIN_SECONDS))


def _now() -> float:
    return asyncio.get_running_loop().time()
