"""Amazon Ads over HTTP: one attempt to hand records over, one question after a job."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pipeline.destinations.amazon_ads.changes import (
    LaneTarget,
    compose_records,
    compose_status,
    interpret_records,
    interpret_status,
)
from pipeline.destinations.amazon_ads.tokens import Token, TokenRefused, TokenUnavailable
from pipeline.destinations.exchange import Request, Response, header, retry_after
from pipeline.domain.job import JobReport
from pipeline.domain.send_result import Answer, Blocked, InDoubt, NotSent
from pipeline.http.session import Exchange, PartnerSession, Silent, Unreached
from pipeline.http.tokens import Refreshed, TokenKeeper
from pipeline.stages.ports import NotYet, Ownership, RequestLimiter

Authorised = Exchange | TokenRefused | TokenUnavailable


class AmazonClient:
    """Requests of one client: authorised, and asked again once with a new token after a 401."""

    def __init__(self, session: PartnerSession, tokens: TokenKeeper, client_id: str) -> None:
        self._session = session
        self._tokens = tokens
        self._client_id = client_id

    @property
    def trouble(self) -> str | None:
        """Why there is no token, if there is none."""
        return self._tokens.trouble

    async def warm_up(self) -> Refreshed:
        """Fetch a token, so that readiness can tell."""
        return await self._tokens.token()

    async def call(self, request: Request, ownership: Ownership | None = None) -> Authorised:
        token = await self._tokens.token()
        if not isinstance(token, Token):
            return token
        first = await self._session.exchange(request, self._headers(token), ownership)
        if not isinstance(first, Response) or first.status != 401:
            return first
        token = await self._tokens.replaced(token)
        if not isinstance(token, Token):
            return token
        return await self._session.exchange(request, self._headers(token), ownership)

    def _headers(self, token: Token) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {token.value}",
            "Amazon-Advertising-API-ClientId": self._client_id,
        }


class AmazonUpload:
    """The partner's end of one lane."""

    def __init__(
        self, client: AmazonClient, target: LaneTarget, request_limiter: RequestLimiter
    ) -> None:
        self._client = client
        self._target = target
        self._request_limiter = request_limiter

    async def turn(self) -> None:
        await self._request_limiter.turn()

    async def send(
        self, audience: str, target: bytes, records: Sequence[bytes], ownership: Ownership
    ) -> Answer:
        request = compose_records(self._target, audience, target, records)
        answer = await self._client.call(request, ownership)
        match answer:
            case Response():
                return interpret_records(answer, datetime.now(UTC))
            case Silent(detail):
                return InDoubt(detail)
            case Unreached(detail) | TokenUnavailable(detail):
                return NotSent(detail)
            case TokenRefused(detail):
                return Blocked("unauthorised", detail)


class AmazonStatus:
    """The partner's word on jobs."""

    def __init__(self, client: AmazonClient, polled: Callable[[str], None]) -> None:
        self._client = client
        self._polled = polled

    async def ask(self, job_id: str) -> JobReport | NotYet:
        answer = await self._client.call(compose_status(job_id))
        if not isinstance(answer, Response):
            self._polled(answer.code if isinstance(answer, Silent | Unreached) else "no_token")
            return NotYet(answer.detail)
        self._polled(str(answer.status))
        if answer.status == 404:
            return NotYet("not found", is_missing=True)
        if answer.status != 200:
            wait = retry_after(header(answer.headers, "Retry-After"), datetime.now(UTC))
            return NotYet(f"status {answer.status}", wait)
        return interpret_status(answer.body) or NotYet("not a job status")
