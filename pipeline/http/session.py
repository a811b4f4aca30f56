"""HTTP to a partner: the only door to aiohttp's client, and the last word on ownership."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from pipeline.destinations.exchange import Request, Response
from pipeline.http.body import GuardedBody
from pipeline.stages.ports import Ownership

LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
"""More than a job with 10,000 invalid records needs; a partner must not fill our memory."""


@dataclass(frozen=True, slots=True)
class Silent:
    """No answer, and the request may have arrived."""

    detail: str
    code: str
    """For metrics: timeout or reset."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """The request did not arrive whole; nothing can have been done about it."""

    detail: str
    code: str


Exchange = Response | Silent | Unreached


class PartnerSession:
    """Sends requests to one API; never raises for what the network does."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        timeout: float,
        answered: Callable[[str, str, float], None],
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._answered = answered

    async def exchange(
        self, request: Request, headers: dict[str, str], ownership: Ownership | None = None
    ) -> Exchange:
        """One request and what became of it; told to metrics with its time.

        An answer that comes before the whole body has left counts, and the rest stays here.
        """
        began = time.monotonic()
        exchange = await self._exchange(request, headers, ownership)
        code = str(exchange.status) if isinstance(exchange, Response) else exchange.code
        self._answered(request.endpoint, code, time.monotonic() - began)
        return exchange

    async def _exchange(
        self, request: Request, headers: dict[str, str], ownership: Ownership | None
    ) -> Exchange:
        body = None if ownership is None else GuardedBody(request.body, ownership)
        try:
            async with self._session.request(
                request.method,
                self._base_url + request.path,
                params=dict(request.query),
                headers={**request.headers, **headers},
                data=body if body is not None else b"".join(request.body) or None,
                timeout=self._timeout,
                allow_redirects=False,
            ) as reply:
                return await _answer(reply, body)
        except aiohttp.ClientConnectorError as error:
            return Unreached(type(error).__name__, "unreachable")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _silence(error, body)


async def _answer(reply: aiohttp.ClientResponse, body: GuardedBody | None) -> Exchange:
    try:
        content = await _content(reply)
    except (aiohttp.ClientError, TimeoutError, OSError):
        # A refusal is one by its status, however much of its words was lost.
        if reply.status < 400:
            raise
        content = b""
    # The library stops sending with the end of the answer, so this body will never be whole.
    if body is not None and not body.is_complete and reply.status < 400:
        return Unreached(f"{reply.status} before the request was whole", "reset")
    return Response(status=reply.status, headers=dict(reply.headers), body=content)


async def _content(reply: aiohttp.ClientResponse) -> bytes:
    """The answer's body, within bounds."""
    pieces: list[bytes] = []
    size = 0
    async for piece in reply.content.iter_any():
        size += len(piece)
        if size > LARGEST_ANSWER_BYTES:
            reply.close()
            raise aiohttp.ClientPayloadError("the answer is too large")
        pieces.append(piece)
    return b"".join(pieces)


def _silence(error: Exception, body: GuardedBody | None) -> Silent | Unreached:
    if body is not None and body.is_withdrawn:
        return Unreached("the lane was lost", "withdrawn")
    code = "timeout" if isinstance(error, TimeoutError) else "reset"
    if body is not None and not body.is_complete:
        return Unreached(type(error).__name__, code)
    return Silent(type(error).__name__, code)
