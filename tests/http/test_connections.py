"""What connections to a partner keep (nothing), and that nothing outlives us in the kernel."""

import asyncio
import itertools
import os
import signal
import socket
import ssl
import struct
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.http.connections import connections
from pipeline.http.session import Exchange, NotDelivered, PartnerSession, Silent
from tests.fakes.partner import SMALL_BUFFER, Caller, ScriptedPartner, answers, partner
from tests.http.sessions import Lane, made_certificate, pieces_of, post, session_of

LARGE = 6_000_000
needs_linux = pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="TCP_USER_TIMEOUT is an option of Linux"
)


class EverybodyIsHere(AbstractResolver):
    """
    Every host name is this machine.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        here = ResolveResult(
            hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0
        )
        return [here]

    async def close(self) -> None: ...


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return made_certificate(tmp_path_factory.mktemp("tls"), "localhost")


class Ended:
    """
    A scene that reads and never answers, and notes how the caller went: by a reset or in peace.
    `most` bytes are read at first, and the rest once `reads_on` is set.
    """

    def __init__(self, most: int | None = None) -> None:
        self.how = ""
        self.is_read = asyncio.Event()
        self.reads_on = asyncio.Event()
        if most is None:
            self.reads_on.set()
        self._most = most

    async def __call__(self, caller: Caller) -> None:
        await caller.read(self._most)
        self.is_read.set()
        await self.reads_on.wait()
        try:
            await caller.until_gone()
            self.how = "in peace"
        except ConnectionResetError:
            self.how = "reset"
            raise


async def test_no_cookie_is_kept_for_the_next_request_and_none_for_another_login() -> None:
    """Under a host name: a jar would not keep the cookies of an address at all."""
    sets = answers(202, b"{}", "Set-Cookie: session=hush; Path=/", "Set-Cookie: b=c")
    async with partner(sets) as playing, connections(10, resolver=EverybodyIsHere()) as http:
        url = f"http://partner.test:{playing.port}"
        for login in ("one", "another"):
            session = PartnerSession(http, url, 10, lambda *_: None)
            for _ in range(2):
                await session.exchange(post(b"x"), {"Authorization": login}, Lane())

    assert len(playing.callers) == 4
    assert not any("cookie" in caller.headers for caller in playing.callers)


def options_of(http: aiohttp.ClientSession) -> list[tuple[int, bytes]]:
    """
    User timeout in milliseconds, and how it is closed, of every connection that is open.
    """
    assert http.connector is not None
    found = []
    for kept in http.connector._conns.values():
        for protocol, _ in kept:
            assert protocol.transport is not None
            number = protocol.transport.get_extra_info("socket").fileno()
            with socket.socket(fileno=os.dup(number)) as one:
                found.append(
                    (
                        one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                        one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8),
                    )
                )
    return found


@needs_linux
@pytest.mark.parametrize(("late", "milliseconds"), [(10, 10_000), (0.5, 500), (0, 200), (None, 0)])
async def test_the_kernel_gives_up_no_later_than_a_request_may_be_late(
    late: float | None, milliseconds: int
) -> None:
    async with partner(answers(202)) as playing, connections(late) as http:
        session = PartnerSession(http, playing.url, 10, lambda *_: None)
        await session.exchange(post(b"x"), {}, Lane())
        options = options_of(http)

    assert options == [(milliseconds, struct.pack("ii", 1, 0))]


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_a_request_without_an_answer_in_time_is_reset(size: int) -> None:
    scene = Ended(1000)
    async with partner(scene) as playing, session_of(playing.url, timeout=0.5) as session:
        answer = await session.exchange(post(*pieces_of(size)), {}, Lane())
        scene.reads_on.set()
        await playing.gone()

    assert isinstance(answer, Silent | NotDelivered)
    assert scene.how == "reset"
    assert size == 1000 or not playing.callers[0].is_whole


async def test_the_last_byte_does_not_leave_the_process_after_it_was_given_up(
    tmp_path: Path,
) -> None:
    """
    All before it has left, the kernel takes no more, and the time runs out. The client library
    closes gently: it would send the last byte as soon as there is room, and the request be whole.

    A local socket shows it, because that takes whole pieces as long as it is not full. Which size
    fills it up to the last byte is found by trying: the largest that leaves but for that.
    """
    missing: list[int] = []
    for size in itertools.count(100_000, 5_000):
        answer, caller = await _given_up(size, tmp_path / f"partner-{size}")
        if isinstance(answer, NotDelivered):
            break
        missing.append(size - len(caller.body))

    assert set(missing) == {0, 1}
    assert missing == sorted(missing)


async def _given_up(size: int, path: Path) -> tuple[Exchange, Caller]:
    """
    A request to a partner that reads only after the request was given up.
    """
    scene = Ended(0)
    playing = ScriptedPartner([scene])
    server = await asyncio.start_unix_server(playing.serve, path, limit=SMALL_BUFFER)
    connector = aiohttp.UnixConnector(str(path))
    async with session_of("http://partner", timeout=0.1, connector=connector) as session:
        answer = await session.exchange(post(*pieces_of(size)), {}, Lane())
        scene.reads_on.set()
        await playing.gone()
    server.close()
    return answer, playing.callers[0]


async def test_a_request_that_is_cancelled_is_reset() -> None:
    scene = Ended()
    async with partner(scene) as playing, session_of(playing.url) as session:
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(session.exchange(post(b"x" * 1000), {}, Lane()))
            await scene.is_read.wait()
            sending.cancel()
        await playing.gone()

    assert scene.how == "reset"


async def test_a_request_whose_lane_was_lost_is_reset() -> None:
    lane, scene = Lane(), Ended(1000)

    async def loses(caller: Caller) -> None:
        lane.is_lost = True
        scene.reads_on.set()
        await scene(caller)

    async with partner(loses) as playing, session_of(playing.url) as session:
        await session.exchange(post(*pieces_of(LARGE)), {}, lane)
        await playing.gone()

    assert scene.how == "reset"


DYING = """
import asyncio, sys
from tests.http.sessions import Lane, post, session_of

async def main(url):
    async with session_of(url) as session:
        await session.exchange(post(b"x" * 1000), {}, Lane())

asyncio.run(main(sys.argv[1]))
"""


async def test_a_process_that_dies_leaves_a_reset_behind() -> None:
    """The kernel closes what it had open, and would deliver what was written."""
    scene = Ended()
    async with partner(scene) as playing:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, playing.url)
        await scene.is_read.wait()
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await playing.gone()

    assert scene.how == "reset"
