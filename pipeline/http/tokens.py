"""Access tokens: one refresh at a time, early enough, with credentials read afresh."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import structlog

from pipeline.destinations.amazon_ads.tokens import (
    FORM_TYPE,
    Token,
    TokenRefused,
    TokenUnavailable,
    compose_refresh,
    interpret_refresh,
)
from pipeline.destinations.exchange import Response
from pipeline.stages.retry import Backoff

REFRESH_TIMEOUT = aiohttp.ClientTimeout(total=30)

REPLACEMENT_SECONDS = 5.0
BETWEEN_FAILURES = Backoff(initial=1.0, maximum=30.0)

log = structlog.get_logger(__name__)

Refreshed = Token | TokenRefused | TokenUnavailable


class SecretUnavailable(Exception):
    """A secret cannot be read now; the message says where it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecrets:
    """Who asks for a token. Read at every refresh: rotated secrets are found without a restart."""

    client_id: str
    client_secret: Callable[[], str]
    refresh_token: Callable[[], str]


class TokenKeeper:
    """Hands out the access token of one client.

    One refresh at a time, for whoever asks. After a failed one nobody asks again for a second,
    then two, up to thirty: the old token serves while it is valid, and the failure is repeated
    when it is not. A rotated secret is found at the next refresh.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        secrets: ClientSecrets,
        refreshed: Callable[[Refreshed], None],
    ) -> None:
        self._session = session
        self._url = url
        self._secrets = secrets
        self._refreshed = refreshed
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._asked_at = 0.0
        self._replaced_at = -REPLACEMENT_SECONDS
        self._failure: TokenRefused | TokenUnavailable | None = None
        self._failures = 0
        self._ask_again_at = 0.0
        self.trouble: str | None = None

    async def token(self) -> Refreshed:
        """A usable token; asks for a new one shortly before the old one ends."""
        if self._token is not None and self._age() < self._token.usable_for:
            return self._token
        async with self._turn:
            # Whoever had the turn before may have brought it already: one flight for all.
            if self._token is not None and self._age() < self._token.usable_for:
                return self._token
            renewed = await self._renew()
        if self._token is not None and self._age() < self._token.valid_for:
            return self._token
        return renewed

    async def replaced(self, refused: Token) -> Refreshed:
        """Another token than this one, which the partner did not accept.

        A token that has itself just replaced another is not replaced again: then it is not the
        token, and every request of the client would ask for one.
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

    async def _renew(self) -> Refreshed:
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
            self._ask_again_at = _now() + BETWEEN_FAILURES.delay(self._failures, chance=1.0)
        self._say(refreshed)
        return refreshed

    async def _refresh(self) -> Refreshed:
        try:
            form = compose_refresh(
                self._secrets.client_id,
                self._secrets.client_secret(),
                self._secrets.refresh_token(),
            )
        except SecretUnavailable as error:
            return TokenRefused(str(error))
        try:
            async with self._session.post(
                self._url,
                data=form,
                headers={"Content-Type": FORM_TYPE, "Accept": "application/json"},
                timeout=REFRESH_TIMEOUT,
                allow_redirects=False,  # the form holds the secrets
            ) as reply:
                response = Response(
                    status=reply.status, headers=dict(reply.headers), body=await reply.read()
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return TokenUnavailable(type(error).__name__)
        return interpret_refresh(response)

    def _say(self, refreshed: Refreshed) -> None:
        self._refreshed(refreshed)
        trouble = None if isinstance(refreshed, Token) else refreshed.detail
        if trouble is not None and trouble != self.trouble:
            log.error("no access token", reason=trouble)
        self.trouble = trouble


def _now() -> float:
    return asyncio.get_running_loop().time()
