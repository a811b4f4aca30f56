"""Sends one HTTP request to a partner, and says what became of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp

from pipeline.destinations.exchange import Request, Response
from pipeline.http.answer import LARGEST_ANSWER_BYTES, read_answer
from pipeline.http.body import GuardedBody
from pipeline.http.proxies import Proxy
from pipeline.http.trouble import said
from pipeline.stages.ports import Ownership


@dataclass(frozen=True, slots=True)
class Silent:
    """There is no answer, and the request may have arrived."""

    detail: str
    code: str
    """For metrics: timeout or reset."""


@dataclass(frozen=True, slots=True)
class NotDelivered:
    """The whole request did not arrive, so the partner cannot have acted on it."""

    detail: str
    code: str


Exchange = Response | Silent | NotDelivered


class PartnerSession:
    """Sends requests to one address; never raises for faults of the network or the partner."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        timeout: float,
        answered: Callable[[str, str, float], None],
        *,
        proxy: Proxy | None = None,
        most_bytes: int = LARGEST_ANSWER_BYTES,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._answered = answered
        self._proxy = proxy
        self._most_bytes = most_bytes

    async def exchange(
        self, request: Request, headers: Mapping[str, str], ownership: Ownership | None = None
    ) -> Exchange:
        """Send one request; return what became of it, and report it with its duration.

        An answer that comes before the whole body was sent counts; then the rest is not sent.
        """
        began = time.monotonic()
        exchange = await self._exchange(request, headers, ownership)
        code = str(exchange.status) if isinstance(exchange, Response) else exchange.code
        self._answered(request.endpoint, code, time.monotonic() - began)
        return exchange

    async def _exchange(
        self, request: Request, headers: Mapping[str, str], ownership: Ownership | None
    ) -> Exchange:
        body = None if ownership is None else GuardedBody(request.body, ownership)
        is_over = False
        try:
            async with self._request(request, headers, body) as reply:
                response = await read_answer(reply, self._most_bytes)
                # If the answer is over, the connection may carry another request already.
                is_over = reply.content.at_eof()
                return _judged(response, body)
        except aiohttp.ClientConnectorError as error:
            return NotDelivered(said(error), "unreachable")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _silence(error, body)
        finally:
            # We gave the request up: no answer, the lane was lost, or this task was cancelled.
            if body is not None and not is_over:
                body.reset()

    def _request(
        self, request: Request, headers: Mapping[str, str], body: GuardedBody | None
    ) -> "aiohttp.client._RequestContextManager":
        proxy = self._proxy
        # Plain HTTP opens no tunnel, so the request itself must carry the proxy's headers.
        is_plain = self._base_url.startswith("http://")
        forwarded = proxy.headers if proxy is not None and is_plain else {}
        return self._session.request(
            request.method,
            self._base_url + request.path,
            params=dict(request.query),
            headers={**request.headers, **headers, **forwarded},
            data=body if body is not None else b"".join(request.body) or None,
            timeout=self._timeout,
            allow_redirects=False,
            proxy=None if proxy is None else proxy.url,
            proxy_headers=None if proxy is None else proxy.headers,
        )


def _judged(response: Response, body: GuardedBody | None) -> Exchange:
    # The library stops sending when the answer ends, so this body will never be complete.
    if body is not None and not body.is_complete and 200 <= response.status < 300:
        return NotDelivered(f"{response.status} before the whole request was sent", "reset")
    return response


def _silence(error: Exception, body: GuardedBody | None) -> Silent | NotDelivered:
    if body is not None and body.is_withdrawn:
        return NotDelivered("the lane was lost", "withdrawn")
    code = "timeout" if isinstance(error, TimeoutError) else "reset"
    if body is not None and not body.is_complete:
        return NotDelivered(said(error), code)
    return Silent(said(error), code)
