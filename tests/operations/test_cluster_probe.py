"""A cluster that is there and cannot be used is told from one that is not there."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import errors as kafka_errors
from aiokafka.conn import AIOKafkaConnection

from pipeline.kafka.client_options import ClientOptions, SecurityProtocol
from pipeline.operations.cluster_probe import why_unreachable
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.server_process import free_port


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of nobody that is trusted."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(path), "-out", str(path) + ".crt"),
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip("openssl is not here to make a certificate")
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


@asynccontextmanager
async def tls_server(identity: Path) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def options(address: str, protocol: SecurityProtocol) -> ClientOptions:
    return ClientOptions(
        bootstrap_servers=address,
        client_id="test",
        security_protocol=protocol,
        ssl_context=ssl.create_default_context if "SSL" in protocol else None,
        sasl_mechanism="SCRAM-SHA-512",
        username="ana",
        password=lambda: "hush",
    )


async def test_tls_on_a_plain_port_is_said_as_such(embedded_broker: EmbeddedBroker) -> None:
    why = await why_unreachable(options(embedded_broker.bootstrap_servers, "SSL"))

    assert why is not None
    assert "speaks without TLS; set it to PLAINTEXT" in why


async def test_a_plain_connection_to_a_port_with_tls_is_said_as_such(identity: Path) -> None:
    async with tls_server(identity) as address:
        why = await why_unreachable(options(address, "PLAINTEXT"))

    assert why is not None
    assert "speaks TLS; set it to SSL" in why


async def test_a_certificate_that_is_not_trusted_is_said_as_such(identity: Path) -> None:
    async with tls_server(identity) as address:
        why = await why_unreachable(options(address, "SSL"))

    assert why is not None
    assert "is not trusted" in why
    assert "ca_file" in why


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (kafka_errors.SaslAuthenticationFailed(), "refuse user 'ana' (SCRAM-SHA-512)"),
        (kafka_errors.AuthenticationFailedError(), "refuse user 'ana' (SCRAM-SHA-512)"),
        (kafka_errors.UnsupportedSaslMechanismError(), "do not support SCRAM-SHA-512"),
    ],
)
async def test_a_login_that_the_brokers_refuse_is_said_as_such_without_the_password(
    embedded_broker: EmbeddedBroker, error: Exception, said: str
) -> None:
    async def refuse(*_: object, **__: object) -> AIOKafkaConnection:
        raise error

    address = embedded_broker.bootstrap_servers
    why = await why_unreachable(options(address, "SASL_PLAINTEXT"), connect=refuse)

    assert why is not None
    assert said in why
    assert "hush" not in why


async def test_of_nobody_at_all_there_is_nothing_to_say() -> None:
    assert await why_unreachable(options(f"127.0.0.1:{free_port()}", "PLAINTEXT")) is None


async def test_of_a_broker_that_answers_there_is_nothing_to_say(
    embedded_broker: EmbeddedBroker,
) -> None:
    assert await why_unreachable(options(embedded_broker.bootstrap_servers, "PLAINTEXT")) is None
