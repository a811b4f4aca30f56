"""HTTP to a partner: the only door to aiohttp's client, and the last word on ownership."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from pipeline.destinations.exchange import Request, Response
from pipeline.flow.ports import Ownership

CHUNK_BYTES = 64 * 1024
DRAIN_LOOK_SECONDS = 0.005


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


class OwnershipLost(Exception):
    """The lane was lost while a request for it was leaving."""


class GuardedBody(aiohttp.Payload):
    """Holds the last byte back until all before it has left, and the lane is still ours then.

    Without it a process that was frozen in the middle of a request would complete it after the
    thaw, when somebody else owns the lane: the loop flushes sockets before it runs timers.
    """

    def __init__(self, pieces: Sequence[bytes], ownership: Ownership) -> None:
        super().__init__(None)
        self._pieces = pieces
        self._ownership = ownership
        self._size = sum(map(len, pieces))
        self.is_complete = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a guarded body is written once, and never shown")

    async def write(self, writer: AbstractStreamWriter) -> None:
        held_back = b""
        for chunk in _chunks(self._pieces):
            if held_back:
                await writer.write(held_back)
            held_back = chunk
            if not self._ownership.is_owned:
                raise OwnershipLost
        await writer.write(held_back[:-1])
        await _left(writer)
        if not self._ownership.is_owned:
            raise OwnershipLost
        self.is_complete = True
        await writer.write(held_back[-1:])


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
        """One request and what became of it; told to metrics with its time."""
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
                return Response(
                    status=reply.status, headers=dict(reply.headers), body=await reply.read()
                )
        except aiohttp.ClientConnectorError as error:
            return Unreached(type(error).__name__, "unreachable")
        except OwnershipLost:
            return Unreached("the lane was lost", "withdrawn")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _silence(error, body)


def _silence(error: Exception, body: GuardedBody | None) -> Silent | Unreached:
    code = "timeout" if isinstance(error, TimeoutError) else "reset"
    if body is not None and not body.is_complete:
        return Unreached(type(error).__name__, code)
    return Silent(type(error).__name__, code)


def _chunks(pieces: Sequence[bytes]) -> Iterable[bytes]:
    """The pieces joined to about 64 KiB each: few writes, and no second copy of the whole body."""
    size = max(1, CHUNK_BYTES * len(pieces) // max(1, sum(map(len, pieces))))
    remaining = iter(pieces)
    while chunk := b"".join(islice(remaining, size)):
        yield chunk


async def _left(writer: AbstractStreamWriter) -> None:
    """Return once nothing of what was written waits in this process any more.

    aiohttp waits only until less than its high-water mark is left.
    """
    await writer.drain()
    transport = writer.transport
    while transport is not None and transport.get_write_buffer_size() > 0:
        await asyncio.sleep(DRAIN_LOOK_SECONDS)
