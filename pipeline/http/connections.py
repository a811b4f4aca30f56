"""Makes connections to one destination: without cookies, with bounds, and with a prompt end."""

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
"""For one header or the status line: a gateway on the way may add kilobytes."""
SHORTEST_USER_TIMEOUT = 0.2
"""The kernel repeats a lost packet after this time; less would end the connection first."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[object, ...]]


@asynccontextmanager
async def connections(
    late_seconds: float | None,
    *,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | bool = True,
) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield connections for one destination, shared with no other.

    No byte reaches the partner later than `late_seconds` after this process gave up its request or
    died (see `prompt_socket`); None: the order does not matter. Cookies are not kept: those of one
    login would go out with requests of another. Answers are not unpacked here, so that `answer.py`
    can bound their size.
    """
    make_socket: Callable[..., socket.socket] = partial(prompt_socket, late_seconds=late_seconds)
    connector = aiohttp.TCPConnector(
        # requests_per_second and max_in_flight are the bounds, not sockets.
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
    """Make a socket whose bytes do not outlive our request.

    After a network cut the kernel still delivers written bytes, even for a process that has closed
    the connection or died, so an old request could arrive behind a newer one. With these options
    the kernel gives up bytes that are not acknowledged in time, and a close drops waiting bytes.
    """
    made = socket.socket(address[0], address[1], address[2])
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        # Only Linux has this option; elsewhere the reset must be enough.
        if late_seconds is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            milliseconds = int(max(late_seconds, SHORTEST_USER_TIMEOUT) * 1000)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    except BaseException:
        made.close()
        raise
    return made
