"""A partner on loopback that does what its script says, also what no framework would let it do."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SMALL_BUFFER = 4096


@dataclass(slots=True, eq=False)
class Caller:
    """One request, as far as it came."""

    line: str
    headers: dict[str, str]
    """Names in lower case."""
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_whole(self) -> bool:
        return len(self.body) == int(self.headers.get("content-length", "0"))

    async def read(self, most: int | None = None) -> None:
        """Take in the body, or so much of it; less when the caller goes away."""
        requested = int(self.headers.get("content-length", "0")) if most is None else most
        while len(self.body) < requested:
            piece = await self._reader.read(min(65536, requested - len(self.body)))
            if not piece:
                return
            self.body += piece

    async def until_gone(self) -> None:
        """Take in whatever comes until the caller hangs up."""
        while piece := await self._reader.read(65536):
            self.body += piece

    async def say(self, raw: bytes) -> None:
        self._writer.write(raw)
        await self._writer.drain()

    def leave(self) -> None:
        """Close the connection in peace."""
        self._writer.close()

    def reset(self) -> None:
        if self._writer.is_closing():
            return
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Scene = Callable[[Caller], Awaitable[None]]


def reply(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Some reason", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(status: int, body: bytes = b"{}", *headers: str) -> Scene:
    async def scene(caller: Caller) -> None:
        await caller.read()
        if caller.is_whole:
            await caller.say(reply(status, body, *headers))

    return scene


def answers_early(status: int, body: bytes = b"{}", *headers: str) -> Scene:
    """Answers without having read the body; reads what comes of it afterwards."""

    async def scene(caller: Caller) -> None:
        await caller.say(reply(status, body, *headers))
        await caller.read()

    return scene


@dataclass(slots=True)
class ScriptedPartner:
    """Plays one scene a request, in order; the last one again and again."""

    script: Sequence[Scene]
    callers: list[Caller] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"
    _open: int = 0
    _all_gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self._all_gone.clear()
        try:
            while await self._play(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the caller is gone
        finally:
            writer.close()
            self._open -= 1
            if not self._open:
                self._all_gone.set()

    async def gone(self) -> None:
        """Return when nobody is connected any more."""
        async with asyncio.timeout(10):
            while self._open:
                await self._all_gone.wait()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode().strip().split("\r\n")
        pairs = (header.partition(":") for header in rest)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        caller = Caller(line, headers, reader, writer)
        scene = self.script[min(len(self.callers), len(self.script) - 1)]
        self.callers.append(caller)
        await scene(caller)
        return caller.is_whole and not writer.is_closing()


@asynccontextmanager
async def partner(
    *script: Scene, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedPartner]:
    """A partner with small buffers, so that who sends much must wait until it reads."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    listener.bind(("127.0.0.1", 0))
    playing = ScriptedPartner(script, scheme="http" if tls is None else "https")
    server = await asyncio.start_server(playing.serve, sock=listener, ssl=tls, limit=SMALL_BUFFER)
    playing.port = listener.getsockname()[1]
    try:
        yield playing
    finally:
        server.close()
        await playing.gone()
