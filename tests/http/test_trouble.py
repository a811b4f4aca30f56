"""Why a request was not answered: each kind has words of its own, and none says what was sent."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.destinations.exchange import Request
from pipeline.http.session import NotDelivered, Silent
from tests.fakes.partner import Caller, answers, partner
from tests.http.sessions import Lane, made_certificate, session_of

SECRET_REQUEST = Request(
    endpoint="records", method="POST", path="/records", query={"q": "hush"}, body=[b"hush"]
)


class Directory(AbstractResolver):
    """
    Knows every name but one.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host == "nowhere.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        here = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
        )
        return [here]

    async def close(self) -> None: ...


async def told(url: str, tls: ssl.SSLContext | bool = True, timeout: float = 20) -> str:
    async with session_of(url, resolver=Directory(), tls=tls, timeout=timeout) as session:
        answer = await session.exchange(SECRET_REQUEST, {"Authorization": "hush"}, Lane())
    assert isinstance(answer, Silent | NotDelivered)
    assert "hush" not in repr(answer)
    return answer.detail


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def test_a_refused_connection_names_its_place() -> None:
    port = unused_port()

    assert await told(f"http://127.0.0.1:{port}") == f"127.0.0.1:{port}: connection refused"


async def test_a_name_without_an_address_is_named() -> None:
    said = await told("http://nowhere.test")

    assert said == "DNS: no address for nowhere.test: name or service not known"


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    async with partner(answers(202), tls=made_certificate(tmp_path, "partner.test")) as playing:
        said = await told(f"https://partner.test:{playing.port}")

    assert said.startswith(f"partner.test:{playing.port}: certificate not accepted: self")


async def test_a_certificate_of_another_host(tmp_path: Path) -> None:
    server = made_certificate(tmp_path, "other.test")
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with partner(answers(202), tls=server) as playing:
        said = await told(f"https://partner.test:{playing.port}", trusting)

    assert "certificate not accepted: hostname mismatch" in said.lower()


async def test_tls_to_a_port_that_speaks_none() -> None:
    async def greets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example hush\r\n")
        writer.close()

    async with await asyncio.start_server(greets, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await told(f"https://127.0.0.1:{port}")

    assert said == f"127.0.0.1:{port}: TLS: wrong version number"


async def test_no_answer_in_time() -> None:
    async def waits(caller: Caller) -> None:
        await caller.read()
        await caller.until_gone()

    async with partner(waits) as playing:
        assert await told(playing.url, timeout=0.3) == "no answer in time"


async def _resets(caller: Caller) -> None:
    await caller.read()
    caller.reset()


async def _leaves(caller: Caller) -> None:
    await caller.read()
    caller.leave()


async def _babbles(caller: Caller) -> None:
    await caller.read()
    await caller.say(b"hush: this is no HTTP\r\n\r\n")


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        (_resets, "connection reset by peer"),
        (_leaves, "the connection was closed without an answer"),
        (_babbles, "the answer is not HTTP, or its header is too large"),
    ],
)
async def test_a_connection_that_ends_without_an_answer(
    scene: Callable[[Caller], Awaitable[None]], words: str
) -> None:
    async with partner(scene) as playing:
        assert await told(playing.url) == words
