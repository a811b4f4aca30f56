"""Asks one destination about its jobs, no faster and no sooner than it allows."""

import asyncio
from dataclasses import dataclass

from pipeline.domain.job import JobReport, NotYet
from pipeline.stages.poll.rules import PollRules
from pipeline.stages.ports import RequestLimiter, Status
from pipeline.stages.retry import Throttle

ASKER = "job status"
"""The name of questions in the client's throttle; no lane's name has a blank."""
THROTTLED_SECONDS = 30.0
"""How long to ask nothing after a 429 without a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Asks one destination, for all partitions of jobs together."""

    status: Status
    request_limiter: RequestLimiter
    throttle: Throttle
    """Shared with the lanes of the client: a 429 to one side counts for both."""
    rules: PollRules

    def silent_for(self) -> float:
        """Return for how many seconds this client may ask nothing."""
        return self.throttle.wait(ASKER, _now())

    async def turn(self) -> None:
        """Return when one more question may go out."""
        await self.request_limiter.turn()

    async def ask(self, job_id: str) -> JobReport | NotYet:
        """Ask once about a job; if told to wait, the client asks about no job until then."""
        answer = await self.status.ask(job_id)
        if isinstance(answer, NotYet):
            wait = answer.wait or (THROTTLED_SECONDS if answer.is_throttled else 0.0)
            if wait:
                self.throttle.told(ASKER, wait, _now())
        return answer


class NobodyToAsk:
    """The gate for jobs of an unknown destination: nobody is asked, so nothing limits it."""

    def silent_for(self) -> float:
        return 0.0

    async def turn(self) -> None:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
