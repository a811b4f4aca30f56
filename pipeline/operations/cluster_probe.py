"""Finds out why a cluster cannot be used although its port is open: TLS or the login.

The Kafka client only says that nobody answered; the reason is at best in its log. So we connect to
the first address once more, step by step.
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiokafka import errors as kafka_errors
from aiokafka.conn import AIOKafkaConnection, create_conn

from pipeline.kafka.client_options import ClientOptions

PATIENCE_SECONDS = 10.0
HANDSHAKE_SECONDS = 2.0
TLS_ALERT = 0x15
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""A request that every Kafka answers, with its length before it."""

Connect = Callable[..., Awaitable[AIOKafkaConnection]]


async def why_unreachable(options: ClientOptions, connect: Connect = create_conn) -> str | None:
    """Why we cannot use the first address, with the remedy; None if the reason is not known."""
    host, _, port = options.bootstrap_servers.split(",")[0].strip().rpartition(":")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            why = await _transport_trouble(options, host, int(port))
            if why is None and options.security_protocol.startswith("SASL"):
                why = await _login_trouble(options, host, int(port), connect)
    except (OSError, TimeoutError):
        return None
    return why


async def _transport_trouble(options: ClientOptions, host: str, port: int) -> str | None:
    where = f"kafka.security_protocol: {options.security_protocol}, and {host}:{port}"
    if options.ssl_context is None:
        if await _speaks_tls(host, port):
            return f"{where} speaks TLS; set it to SSL or SASL_SSL"
        return None
    try:
        writer = await _handshake(host, port, options.ssl_context())
    except ssl.SSLCertVerificationError as error:
        return (
            f"kafka.ssl: the certificate of {host}:{port} is not trusted ({error.verify_message}); "
            "check ca_file, and the name in bootstrap_servers"
        )
    except (ssl.SSLError, ConnectionError):
        if await _answers_plainly(host, port):
            return f"{where} speaks without TLS; set it to PLAINTEXT or SASL_PLAINTEXT"
        return None
    await _closed(writer)
    return None


async def _handshake(host: str, port: int, context: ssl.SSLContext) -> asyncio.StreamWriter:
    # A port without TLS may read the handshake as the length of a request, and wait for the rest.
    _, writer = await asyncio.open_connection(
        host, port, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
    )
    return writer


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake begins; the certificate is not checked."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        writer = await _handshake(host, port, anybody)
    except ssl.SSLError as error:
        # An alert is also TLS: the broker may want a client certificate.
        return "ALERT" in (error.reason or "")
    except ConnectionError:
        return False
    await _closed(writer)
    return True


async def _answers_plainly(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(API_VERSIONS)
        await writer.drain()
        answer = await reader.read(8)
    except ConnectionError:
        return False
    finally:
        await _closed(writer)
    return len(answer) > 0 and answer[0] != TLS_ALERT


async def _login_trouble(
    options: ClientOptions, host: str, port: int, connect: Connect
) -> str | None:
    arguments = options.arguments()
    arguments.pop("bootstrap_servers")
    mechanism = options.sasl_mechanism
    try:
        connection = await connect(host, port, **arguments)
    except kafka_errors.UnsupportedSaslMechanismError:
        return f"kafka.sasl.mechanism: the brokers do not support {mechanism}; ask which they do"
    except (kafka_errors.AuthenticationFailedError, kafka_errors.SaslAuthenticationFailed):
        who = "the token" if options.username is None else f"user {options.username!r}"
        return (
            f"kafka.sasl: the brokers refuse {who} ({mechanism}); check username and password "
            "(or token), and the mechanism for which they were created"
        )
    except kafka_errors.KafkaError:
        return None
    connection.close()
    return None


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
