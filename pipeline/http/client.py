"""Sends authorised requests of one destination; repeats one once if its token is refused."""

from collections.abc import Mapping
from typing import TypeAlias

from pipeline.destinations.exchange import Request, Response
from pipeline.destinations.login import Login, Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.http.session import Exchange, NotDelivered, PartnerSession, Silent
from pipeline.http.tokens import TokenKeeper
from pipeline.stages.ports import Ownership, RequestLimiter

CallResult: TypeAlias = Response | NotSent | InDoubt | Blocked


class PartnerClient:
    """Sends requests to one destination. The login is all it knows of the partner."""

    def __init__(self, session: PartnerSession, login: Login, tokens: TokenKeeper) -> None:
        self._session = session
        self._login = login
        self._tokens = tokens

    @property
    def trouble(self) -> str | None:
        """Why there is no token; None if there is one."""
        return self._tokens.trouble

    async def warm_up(self) -> TokenAnswer:
        """Fetch a token, so that readiness can report it."""
        return await self._tokens.token()

    async def call(self, request: Request, limiter: RequestLimiter | None = None) -> CallResult:
        """Send one request without records.

        The caller has had its turn at the `limiter`; a repeat with a new token takes another turn.
        """
        return await self._call(request, None, limiter)

    async def send(
        self, request: Request, ownership: Ownership, limiter: RequestLimiter
    ) -> CallResult:
        """Send records. The request is completed only while we own their lane."""
        return await self._call(request, ownership, limiter)

    async def _call(
        self, request: Request, ownership: Ownership | None, limiter: RequestLimiter | None
    ) -> CallResult:
        token = await self._tokens.token()
        if not isinstance(token, Token):
            return _no_token(token)
        first = await self._session.exchange(request, self._headers(token), ownership)
        if not isinstance(first, Response) or not self._login.needs_new_token(first):
            return _result(first)
        token = await self._tokens.replaced(token)
        if not isinstance(token, Token):
            return _no_token(token)
        if limiter is not None:
            await limiter.turn()
        return _result(await self._session.exchange(request, self._headers(token), ownership))

    def _headers(self, token: Token) -> Mapping[str, str]:
        return self._login.headers(token)


def _no_token(trouble: TokenRefused | TokenUnavailable) -> Blocked | NotSent:
    if isinstance(trouble, TokenRefused):
        return Blocked("unauthorised", f"no access token: {trouble.detail}")
    return NotSent(f"no access token: {trouble.detail}")


def _result(exchange: Exchange) -> CallResult:
    match exchange:
        case Response():
            return exchange
        case Silent(detail):
            return InDoubt(detail)
        case NotDelivered(detail):
            return NotSent(detail)
