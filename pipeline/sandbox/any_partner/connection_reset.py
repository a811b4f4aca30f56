"""Resets a connection of a simulator, as a network failure does."""

import socket
import struct

from aiohttp import web


def reset(request: web.Request) -> None:
    """Close the connection so that the client sees a reset, not an end."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # A linger time of 0 makes the kernel send RST and drop the data that is not sent.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
