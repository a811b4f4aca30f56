"""Keeps access tokens: one refresh at a time, early enough, with freshly read credentials."""

import asyncio
from collections.abc import Callable

import structlog

from pipeline.destinations.exchange import Response
from pipeline.destinations.login import Login, Token, TokenAnswer, TokenRefused, TokenUnavailable
from pipeline.http.session import PartnerSession
from pipeline.stages.retry import Backoff

REFRESH_TIMEOUT_SECONDS = 30.0
LARGEST_TOKEN_ANSWER_BYTES = 64 * 1024

REPLACEMENT_SECONDS = 5.0
NOT_ANSWERED = "no answer yet"
BETWEEN_FAILURES = Backoff(initial=1.0, maximum=30.0)

log = structlog.get_logger(__name__)


class TokenKeeper:
    """Hands out the access token of one client.

    All callers share one refresh at a time. After a failed one the next comes not before a second,
    then two, up to thirty: meanwhile callers get the old token while it is valid, then the failure.
    A rotated secret is found at the next refresh.
    """

    def __init__(
        self,
        session: PartnerSession,
        login: Login,
        refreshed: Callable[[TokenAnswer], None],
    ) -> None:
        self._session = session
        self._login = login
        self._refreshed = refreshed
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._asked_at = 0.0
        self._replaced_at = -REPLACEMENT_SECONDS
        self._failure: TokenRefused | TokenUnavailable | None = None
        self._failures = 0
        self._ask_again_at = 0.0
        self.trouble: str | None = NOT_ANSWERED
        """Why there is no token; None once there is one."""

    async def token(self) -> TokenAnswer:
        """Return a usable token; ask for a new one shortly before the old one ends."""
        if self._token is not None and self._age() < self._token.usable_for:
            return self._token
        async with self._turn:
            # The caller before us may have fetched a token already; one refresh is enough for all.
            if self._token is not None and self._age() < self._token.usable_for:
                return self._token
            renewed = await self._renew()
        if self._token is not None and self._age() < self._token.valid_for:
            return self._token
        return renewed

    async def replaced(self, refused: Token) -> TokenAnswer:
        """Return another token than `refused`, which the partner did not accept.

        A token that has just replaced another is not replaced again: then the fault is not in the
        token, and every request of the client would ask for a new one.
        """
        async with self._turn:
            if self._token is not None and self._token is not refused:
                return self._token
            now = _now()
            if self._token is refused and now < self._replaced_at + REPLACEMENT_SECONDS:
                return TokenUnavailable("the partner does not accept its own new token")
            self._token = None
            renewed = await self._renew()
            if isinstance(renewed, Token):
                self._replaced_at = now
            return renewed

    def _age(self) -> float:
        return _now() - self._asked_at

    async def _renew(self) -> TokenAnswer:
        asked_at = _now()
        if self._failure is not None and asked_at < self._ask_again_at:
            return self._failure
        refreshed = await self._refresh()
        if isinstance(refreshed, Token):
            self._token, self._asked_at = refreshed, asked_at
            self._failure, self._failures = None, 0
        else:
            self._failure = refreshed
            self._failures += 1
            pause = BETWEEN_FAILURES.delay(self._failures, chance=1.0)
            self._ask_again_at = _now() + max(pause, _wait(refreshed))
        self._say(refreshed)
        return refreshed

    async def _refresh(self) -> TokenAnswer:
        request = self._login.compose()
        if isinstance(request, TokenRefused):
            return request
        answer = await self._session.exchange(request, {})
        if not isinstance(answer, Response):
            return TokenUnavailable(answer.detail)
        return self._login.interpret(answer)

    def _say(self, refreshed: TokenAnswer) -> None:
        self._refreshed(refreshed)
        trouble = None if isinstance(refreshed, Token) else refreshed.detail
        if trouble is not None and trouble != self.trouble:
            log.error("no access token", reason=trouble)
        self.trouble = trouble


def _wait(failure: TokenRefused | TokenUnavailable) -> float:
    """Return the seconds that the partner asked us to wait; 0 if it did not."""
    return failure.wait or 0.0 if isinstance(failure, TokenUnavailable) else 0.0


def _now() -> float:
    return asyncio.get_running_loop().time()
