"""Turns errors on the way to a partner into one line each, which tells their kinds apart.

A line shows hosts and reasons only: nothing that was sent or received, no header and no query.
"""

import os
import ssl
from collections.abc import Sequence

import aiohttp

LONGEST_REASON = 200

_LINES: Sequence[tuple[type[Exception], str]] = (
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was closed without an answer"),
    (aiohttp.ClientPayloadError, "the answer was cut short"),
    (aiohttp.ClientResponseError, "the answer is not HTTP, or its header is too large"),
    (OSError, "connection lost"),
)
"""The first line that fits counts."""


def said(error: Exception) -> str:
    """Return the line for an error of the client library; its own text may show anything."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _unconnected(error)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answers {error.status}"
    # An error with a number is from the kernel, which gave up unacknowledged bytes.
    if isinstance(error, OSError) and error.errno:
        return _of_the_system(error)
    return next((line for kind, line in _LINES if isinstance(error, kind)), type(error).__name__)


def _unconnected(error: aiohttp.ClientConnectorError) -> str:
    place = f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{place}: certificate not accepted: {_certificate(error.certificate_error)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"DNS: no address for {error.host}: {_of_the_system(error.os_error)}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"{place}: TLS: {_tls(error.os_error)}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy {place} cannot be reached: {_of_the_system(error.os_error)}"
    return f"{place}: {_of_the_system(error.os_error)}"


def _certificate(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message:
        return error.verify_message[:LONGEST_REASON]
    return "it belongs to another host"


def _tls(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if isinstance(reason, str) else "no handshake"


def _of_the_system(error: OSError) -> str:
    """Return the operating system's own text for the error."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return (reason or "connection lost").lower()[:LONGEST_REASON]
