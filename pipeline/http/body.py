"""The body of a request that is completed only while we own its lane."""

import asyncio
import gc
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from pipeline.stages.ports import Ownership

CHUNK_BYTES = 64 * 1024
DRAIN_LOOK_SECONDS = 0.005


class OwnershipLost(Exception):
    """We lost the lane while a request for it was being sent."""


class GuardedBody(aiohttp.Payload):
    """Holds the last byte back until all others have left the process and we still own the lane.

    Otherwise a process that was frozen in the middle of a request would complete it after the thaw,
    when another process owns the lane: the loop flushes sockets before it runs timers. A body is
    written only once: each attempt must be paid for, so the client must not repeat one by itself.
    """

    def __init__(self, pieces: Sequence[bytes], ownership: Ownership) -> None:
        super().__init__(None)
        self._pieces = pieces
        self._ownership = ownership
        self._size = sum(map(len, pieces))
        self._transport: asyncio.WriteTransport | None = None
        self.is_complete = False
        """Whether the last byte may have left."""
        self.is_withdrawn = False
        """Whether the lane was lost before the last byte."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        raise TypeError("a guarded body is written once, and never shown")

    async def write(self, writer: AbstractStreamWriter) -> None:
        if self._consumed:
            raise aiohttp.ClientPayloadError("a guarded body is written once")
        self._consumed = True
        self._transport = writer.transport
        held_back = b""
        for chunk in _chunks(self._pieces):
            if held_back:
                await writer.write(held_back)
                await _let_early_answer_in()
            held_back = chunk
            self._check_ownership()
        await writer.write(held_back[:-1])
        await _until_all_left(writer)
        self._check_ownership()
        self.is_complete = True
        await writer.write(held_back[-1:])

    def reset(self) -> None:
        """Drop the bytes that have not left yet, and reset the connection.

        The client library closes a connection gently: it would send the waiting bytes first.
        """
        if self._transport is not None:
            self._transport.abort()

    def _check_ownership(self) -> None:
        if not self._ownership.is_held:
            self.is_withdrawn = True
            raise OwnershipLost


def _chunks(pieces: Sequence[bytes]) -> Iterable[bytes]:
    """Join pieces to about 64 KiB: few writes, and no second copy of the whole body."""
    size = max(1, CHUNK_BYTES * len(pieces) // max(1, sum(map(len, pieces))))
    remaining = filter(None, pieces)
    while chunk := b"".join(islice(remaining, size)):
        yield chunk


async def _let_early_answer_in() -> None:
    """Let the loop read an early answer: a write to a closed socket would lose it.

    The loop polls its sockets once a turn, after the waiting tasks: in the first turn it reads, in
    the second the reader stops us. One turn is not enough (measured).
    """
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def _until_all_left(writer: AbstractStreamWriter) -> None:
    """Return once all written bytes have left this process.

    aiohttp itself waits only until the buffer is below its high-water mark.

    Raises:
        ConnectionResetError: the connection is closed, and the written bytes are lost.
    """
    await writer.drain()
    transport = writer.transport
    layers = [] if transport is None else _layers(transport)
    # No event loop reports an empty buffer, only one below a mark.
    while any(layer.get_write_buffer_size() > 0 for layer in layers):  # noqa: ASYNC110
        await asyncio.sleep(DRAIN_LOOK_SECONDS)
    if writer.transport is None or writer.transport.is_closing():
        raise ConnectionResetError


class _Layer(Protocol):
    def get_write_buffer_size(self) -> int: ...

    def get_extra_info(self, name: str) -> Any: ...


def _layers(transport: _Layer) -> list[_Layer]:
    """Return the transport and all transports below it, which hold encrypted bytes.

    A TLS transport counts only bytes that it has not encrypted yet; up to 72 KiB may wait below
    it. With a proxy that also uses TLS there are two TLS transports.
    """
    found: list[_Layer] = []
    due = [transport]
    while due:
        layer = due.pop()
        if all(layer is not one for one in found):
            found.append(layer)
            due += _below(layer)
    return found


def _below(layer: _Layer) -> Sequence[_Layer]:
    """Return the transport below a TLS transport; neither event loop has a public way to it."""
    protocol = layer.get_extra_info("uvloop.sslproto")
    if protocol is not None:
        # The class is compiled, and only the garbage collector sees its fields.
        referents = gc.get_referents(protocol)
        return [one for one in referents if hasattr(one, "get_write_buffer_size")]
    below: _Layer | None = getattr(getattr(layer, "_ssl_protocol", None), "_transport", None)
    return [] if below is None else [below]
