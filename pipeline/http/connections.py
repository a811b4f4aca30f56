"""Connections to one destination: what they keep, what they take in, and how they end."""

import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver

LARGEST_HEADER_BYTES = 128 * 1024
"""Of one header or of the status line: a gateway in between may add kilobytes of its own."""
SHORTEST_USER_TIMEOUT = 0.2
"""Less would end a connection at the first packet that is lost: the kernel repeats after that."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[object, ...]]


@asynccontextmanager
async def connections(
    late_seconds: float | None,
    *,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | bool = True,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Connections of one destination, shared with no other.

    Nothing arrives at the partner later than `late_seconds` after this process gave it up or died
    (see `prompt_socket`); None where no order depends on that. No cookie is kept: cookies of one
    login would go out with another's requests. Answers come as they were sent, so that `answer.py`
    can bound what they unpack to.
    """
    make_socket: Callable[..., socket.socket] = partial(prompt_socket, late_seconds=late_seconds)
    connector = aiohttp.TCPConnector(
        # Bounded by requests_per_second and max_in_flight, not by sockets.
        limit=0,
        resolver=resolver,
        use_dns_cache=resolver is None,
        ssl=tls,
        socket_factory=make_socket,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
        max_line_size=LARGEST_HEADER_BYTES,
        max_field_size=LARGEST_HEADER_BYTES,
    ) as session:
        yield session


def prompt_socket(address: AddressInfo, *, late_seconds: float | None) -> socket.socket:
    """A socket whose bytes do not outlive us: the kernel is a part of the way to the partner.

    After a cut in the network it goes on to deliver what was written, also for a process that has
    long closed the connection or died; an old request would land behind a newer one. So it gives
    up what is not acknowledged in time, and closing forgets what was written instead of sending it.
    """
    made = socket.socket(address[0], address[1], address[2])
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        # Linux has it; elsewhere the reset alone must do.
        if late_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = int(max(late_seconds, SHORTEST_USER_TIMEOUT) * 1000)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    except BaseException:
        made.close()
        raise
    return made
