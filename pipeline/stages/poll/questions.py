"""One destination's word on its jobs, asked no faster and no sooner than it allows."""

import asyncio
from dataclasses import dataclass

from pipeline.domain.job import JobReport, NotYet
from pipeline.stages.poll.rules import PollRules
from pipeline.stages.ports import RequestLimiter, Status
from pipeline.stages.retry import Throttle

ASKER = "job status"
"""How questions are named where a client's lanes are silenced; no lane has a blank in its name."""
THROTTLED_SECONDS = 30.0
"""How long nothing is asked after a 429 that says no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Asks one destination, for all partitions of jobs together."""

    status: Status
    request_limiter: RequestLimiter
    throttle: Throttle
    """What its lanes were told counts for questions, too, and the other way round."""
    rules: PollRules

    def silent_for(self) -> float:
        """Seconds for which this client may ask nothing."""
        return self.throttle.wait(ASKER, _now())

    async def turn(self) -> None:
        """Return when one more question may go out."""
        await self.request_limiter.turn()

    async def ask(self, job_id: str) -> JobReport | NotYet:
        """Ask once; a client that is told to wait asks nothing until then, about any job."""
        answer = await self.status.ask(job_id)
        if isinstance(answer, NotYet):
            wait = answer.wait or (THROTTLED_SECONDS if answer.is_throttled else 0.0)
            if wait:
                self.throttle.told(ASKER, wait, _now())
        return answer


class NobodyToAsk:
    """For jobs of a destination that this process does not know: nothing limits waiting."""

    def silent_for(self) -> float:
        return 0.0

    async def turn(self) -> None:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
