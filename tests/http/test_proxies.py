"""The proxies of the environment are obeyed, and what they want to know is never shown."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.configuration.load import settings_from
from pipeline.destinations.exchange import Request, Response
from pipeline.http.proxies import Proxy, proxy_for
from pipeline.http.session import NotDelivered
from pipeline.operations.clients import opened
from pipeline.settings.problems import SettingsError
from tests.configuration.test_example_files import Example
from tests.fakes.partner import answers, partner
from tests.fakes.telemetry import RecordingTelemetry
from tests.http.sessions import Lane, made_certificate, pieces_of, post, session_of

AMAZON = "destinations.amazon-na"
API = "https://api.partner.example"


def through(url: str, **environ: str) -> str | None:
    proxy = proxy_for(url, environ)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTPS_PROXY": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128"},
        {"https_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://other:1"},
        {"https_proxy": "", "HTTPS_PROXY": "http://proxy:3128"},
        {"HTTPS_PROXY": "proxy:3128"},
        {"HTTPS_PROXY": " http://proxy:3128/ "},
        {"ALL_PROXY": "http://proxy:3128"},
        {"all_proxy": "http://other:1", "HTTPS_PROXY": "http://proxy:3128"},
    ],
)
def test_the_variable_of_the_scheme_names_the_proxy(environ: Mapping[str, str]) -> None:
    assert through(API, **environ) == "http://proxy:3128"


def test_http_and_https_have_each_their_own() -> None:
    environ = {"HTTP_PROXY": "http://plain:1", "HTTPS_PROXY": "http://secure:2"}

    assert through("http://partner.example", **environ) == "http://plain:1"
    assert through(API, **environ) == "http://secure:2"
    assert through(API, HTTP_PROXY="http://plain:1") is None
    assert through(API) is None


@pytest.mark.parametrize(
    ("host", "exceptions", "is_direct"),
    [
        ("api.partner.example", "*", True),
        ("api.partner.example", "api.partner.example", True),
        ("api.partner.example", "partner.example", True),
        ("api.partner.example", ".partner.example", True),
        ("api.partner.example", "*.partner.example", True),
        ("API.Partner.example", "api.PARTNER.example", True),
        ("api.partner.example", "localhost, partner.example ,other", True),
        ("api.partner.example", "localhost partner.example", True),
        ("api.partner.example:8443", "partner.example:8443", True),
        ("api.partner.example", "partner.example:443", True),
        ("api.partner.example", "partner.example:8443", False),
        ("api.partner.example", "ner.example", False),
        ("api.partner.example", "example.com,", False),
        ("api.partner.example", "", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[::1]:8080", "::1", True),
        ("[::1]:8080", "[::1]:8080", True),
        ("[2001:db8::1]", "2001:db8::/32", True),
        ("[2001:db8::1]", "10.0.0.0/8,no/network", False),
    ],
)
def test_what_no_proxy_names_is_reached_directly(
    host: str, exceptions: str, is_direct: bool
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        found = through(f"https://{host}", HTTPS_PROXY="http://proxy:3128", **{name: exceptions})

        assert (found is None) == is_direct


@pytest.mark.parametrize(
    "value",
    ["socks5://me:hush@proxy:1", "http://me:hush@", "http://me:hush@proxy:port", "http://["],
)
def test_a_variable_that_names_no_proxy_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        proxy_for(API, {"HTTPS_PROXY": value})

    assert str(refused.value).startswith("HTTPS_PROXY: must be the address of an http or https")
    assert "hush" not in str(refused.value)


def test_credentials_stand_in_a_header_and_show_nowhere() -> None:
    proxy = proxy_for(API, {"HTTPS_PROXY": "http://me:hu%40sh@proxy:3128"})

    assert proxy is not None
    assert proxy.headers == {"Proxy-Authorization": f"Basic {b64encode(b'me:hu@sh').decode()}"}
    assert proxy.url == "http://proxy:3128"
    assert "hu" not in repr(proxy)


@dataclass(slots=True)
class TunnelProxy:
    """
    A proxy that connects its callers with whom they name, or with this machine for every name.
    """

    answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n"
    heads: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(self.answer)
        if b" 200 " not in self.answer:
            writer.close()
            return
        port = int(head.split()[1].rpartition(":")[2])
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_pumped(reader, onward))
            tasks.create_task(_pumped(onward_reader, writer))


async def _pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass  # one side is gone, and so is the other then
    finally:
        writer.close()


@asynccontextmanager
async def tunnel(
    answer: bytes | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[TunnelProxy]:
    proxy = TunnelProxy() if answer is None else TunnelProxy(answer)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return made_certificate(tmp_path_factory.mktemp("tls"), "partner.test")


@pytest.mark.parametrize("size", [1_000, 1_000_000])
async def test_a_guarded_body_arrives_whole_through_a_tunnel(
    size: int, certificate: ssl.SSLContext
) -> None:
    """TLS to the partner inside; the proxy hears its name and our credentials, and no more."""
    async with partner(answers(202), tls=certificate) as playing, tunnel() as proxy:
        url = f"https://partner.test:{playing.port}"
        environ = {"HTTPS_PROXY": f"http://me:hush@127.0.0.1:{proxy.port}"}
        async with session_of(url, tls=False, proxy=proxy_for(url, environ)) as session:
            answer = await session.exchange(
                post(*pieces_of(size)), {"Authorization": "Bearer token"}, Lane()
            )

    assert isinstance(answer, Response)
    assert b"".join(pieces_of(size)) == playing.callers[0].body
    assert "proxy-authorization" not in playing.callers[0].headers
    [head] = proxy.heads
    assert head.startswith(f"CONNECT partner.test:{playing.port} HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'me:hush').decode()}\r\n" in head
    assert "Bearer" not in head


async def test_a_proxy_may_be_spoken_to_by_tls_itself(certificate: ssl.SSLContext) -> None:
    """So credentials for it are not heard on the way; TLS to the partner lies inside."""
    async with (
        partner(answers(202), tls=certificate) as playing,
        tunnel(tls=certificate) as proxy,
    ):
        through_it = Proxy(f"https://127.0.0.1:{proxy.port}", {})
        url = f"https://partner.test:{playing.port}"
        async with session_of(url, tls=False, proxy=through_it) as session:
            answer = await session.exchange(post(*pieces_of(1_000_000)), {}, Lane())

    assert isinstance(answer, Response)
    assert b"".join(pieces_of(1_000_000)) == playing.callers[0].body


async def test_a_lane_that_is_lost_sends_nothing_whole_through_it(
    certificate: ssl.SSLContext,
) -> None:
    async with partner(answers(202), tls=certificate) as playing, tunnel() as proxy:
        url = f"https://partner.test:{playing.port}"
        through_it = proxy_for(url, {"HTTPS_PROXY": proxy.url})
        async with session_of(url, tls=False, proxy=through_it) as session:
            answer = await session.exchange(post(*pieces_of(300_000)), {}, Lane(looks_left=3))

    assert NotDelivered("the lane was lost", "withdrawn") == answer
    assert not any(caller.is_whole for caller in playing.callers)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Authenticate\r\nContent-Length: 0\r\n\r\n", "the proxy answers 407"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "the proxy answers 403"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "the proxy answers 502"),
    ],
)
async def test_a_proxy_that_refuses_is_named_and_nothing_was_sent(answer: bytes, said: str) -> None:
    async with tunnel(answer) as proxy:
        through_it = Proxy(proxy.url, {"Proxy-Authorization": "Basic hush"})
        async with session_of("https://partner.test", proxy=through_it) as session:
            exchange = await session.exchange(post(b"x"), {}, Lane())

    assert isinstance(exchange, NotDelivered)
    assert exchange.detail == said
    assert "hush" not in repr(exchange)


async def test_a_proxy_that_is_not_there_is_named() -> None:
    async with tunnel() as proxy:
        gone = Proxy(proxy.url, {})
    async with session_of("https://partner.test", proxy=gone) as session:
        exchange = await session.exchange(post(b"x"), {}, Lane())

    assert isinstance(exchange, NotDelivered)
    place = f"127.0.0.1:{proxy.port}"
    assert exchange.detail == f"the proxy {place} cannot be reached: connection refused"


async def test_plain_http_goes_through_the_proxy_by_its_whole_address() -> None:
    async with partner(answers(202)) as playing:
        headers = {"Proxy-Authorization": "Basic bWU6aHVzaA=="}
        through_it = Proxy(playing.url, headers)
        async with session_of("http://partner.test:81", proxy=through_it) as session:
            await session.exchange(post(b"x"), {}, Lane())

    [caller] = playing.callers
    assert caller.line == "POST http://partner.test:81/records HTTP/1.1"
    assert caller.headers["proxy-authorization"] == "Basic bWU6aHVzaA=="


@pytest.mark.parametrize("is_exempt", [False, True])
async def test_a_destination_reaches_its_api_and_its_tokens_through_the_proxy(
    is_exempt: bool,
) -> None:
    """As the environment of the process says: neither has a key of its own for it."""
    granted = answers(200, b'{"access_token":"a","expires_in":3600}')
    async with partner(granted, answers(200)) as playing:
        here = f"http://127.0.0.1:{playing.port}"
        example = Example()
        example.put(f"{AMAZON}.api_url", here if is_exempt else "http://api.test")
        example.put(f"{AMAZON}.token_url", f"{here if is_exempt else 'http://login.test'}/t")
        environ = {"HTTP_PROXY": "http://127.0.0.1:1" if is_exempt else playing.url}
        environ["NO_PROXY"] = "127.0.0.1" if is_exempt else "127.0.0.1,login.example"
        settings = settings_from(example.document, Path())
        async with opened(settings, RecordingTelemetry(), environ=environ) as partners:
            answer = await partners.clients["amazon-na"].call(
                Request(endpoint="list", method="GET", path="/list")
            )

    assert isinstance(answer, Response)
    targets = [caller.line.split()[1] for caller in playing.callers]
    through_it = ["http://login.test/t", "http://api.test/list"]
    assert targets == (["/t", "/list"] if is_exempt else through_it)
