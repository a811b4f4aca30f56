"""Sends records and asks for jobs over HTTP: the ports of the stages, for any partner."""

from collections.abc import Callable, Sequence

from pipeline.destinations.changes import Changes, Jobs
from pipeline.destinations.exchange import Response
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Answer, Blocked
from pipeline.http.client import PartnerClient
from pipeline.stages.ports import Ownership, RequestLimiter


class PartnerUpload:
    """Sends the records of one lane to the partner (`Upload` of the stages)."""

    def __init__(
        self, client: PartnerClient, changes: Changes, request_limiter: RequestLimiter
    ) -> None:
        self._client = client
        self._changes = changes
        self._request_limiter = request_limiter

    def overhead_bytes(self, audience: str) -> int:
        return self._changes.overhead_bytes(audience)

    async def turn(self) -> None:
        await self._request_limiter.turn()

    async def send(
        self, audience: str, route: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        request = self._changes.compose(audience, route, records)
        answer = await self._client.send(request, ownership, self._request_limiter)
        if not isinstance(answer, Response):
            return answer
        return self._changes.interpret(answer, len(records))


class PartnerStatus:
    """Asks the partner about jobs (`Status` of the stages)."""

    def __init__(
        self,
        client: PartnerClient,
        jobs: Jobs,
        polled: Callable[[str], None],
        request_limiter: RequestLimiter,
    ) -> None:
        self._request_limiter = request_limiter
        self._client = client
        self._jobs = jobs
        self._polled = polled

    async def ask(self, job_id: str) -> JobReport | NotYet:
        answer = await self._client.call(self._jobs.compose_status(job_id), self._request_limiter)
        if isinstance(answer, Response):
            self._polled(str(answer.status))
            return self._jobs.interpret_status(answer)
        # A question carries no records, so it does not matter whether it arrived.
        self._polled("no_token" if isinstance(answer, Blocked) else "no_answer")
        return NotYet(answer.detail)
