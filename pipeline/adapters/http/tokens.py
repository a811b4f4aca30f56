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

REFRESH_TIMEOUT = aiohttp.ClientTimeout(total=30)

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
    """Hands out the access token of one client."""

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
        self._token: Token | None = None
        self._usable_until = 0.0
        self._turn = asyncio.Lock()
        self.trouble: str | None = None

    async def token(self) -> Refreshed:
        """A usable token; asks for a new one shortly before the old one ends."""
        return self._current() or await self._renew(None)

    async def replaced(self, refused: Token) -> Refreshed:
        """Another token than this one, which the partner did not accept."""
        current = self._current()
        return current if current is not None and current != refused else await self._renew(refused)

    def _current(self) -> Token | None:
        return self._token if asyncio.get_running_loop().time() < self._usable_until else None

    async def _renew(self, refused: Token | None) -> Refreshed:
        async with self._turn:
            current = self._current()
            # Whoever had the turn before may have brought it already: one flight for all.
            if current is not None and current != refused:
                return current
            asked_at = asyncio.get_running_loop().time()
            refreshed = await self._refresh()
            if isinstance(refreshed, Token):
                self._token, self._usable_until = refreshed, asked_at + refreshed.usable_for
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
