"""Starts and follows runs over HTTP: the port of the snapshot stage, for any partner."""

from collections.abc import Sequence

from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.snapshots import Run, RunAnswer, Snapshots, Window
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked
from pipeline.http.client import PartnerClient
from pipeline.stages.ports import Ownership, RequestLimiter


class PartnerRuns:
    """The partner's runs of one destination (`Runs` of the snapshot stage)."""

    def __init__(
        self, client: PartnerClient, snapshots: Snapshots, request_limiter: RequestLimiter
    ) -> None:
        self._client = client
        self._snapshots = snapshots
        self._request_limiter = request_limiter

    @property
    def contract(self) -> str:
        return self._snapshots.contract

    async def start(self, audience: str, window: Window, ownership: Ownership) -> RunAnswer:
        request = self._snapshots.compose_run(audience, window)
        await self._request_limiter.turn()
        answer = await self._client.send(request, ownership, self._request_limiter)
        if not isinstance(answer, Response):
            return answer
        return self._snapshots.interpret_run(answer)

    async def list(self, audience: str) -> Sequence[Run] | NotYet:
        answer = await self._asked(self._snapshots.compose_runs(audience))
        if isinstance(answer, NotYet):
            return answer
        return self._snapshots.interpret_runs(answer)

    async def ask(self, audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
        answer = await self._asked(self._snapshots.compose_status(audience, run_id, contract))
        if isinstance(answer, NotYet):
            return answer
        return self._snapshots.interpret_status(answer)

    async def _asked(self, request: Request) -> Response | NotYet:
        await self._request_limiter.turn()
        answer = await self._client.call(request, self._request_limiter)
        if isinstance(answer, Response):
            return answer
        return NotYet(answer.detail, cause=answer.cause if isinstance(answer, Blocked) else None)
