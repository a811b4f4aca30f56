"""A cut in the network: what was given up before it ends is not delivered after it.

The kernel is a part of the way to the partner. It goes on to send what was written, for a process
that has given the request up, that has died, or that waits; and an old request behind a newer one
would undo it. Shown in a network namespace of its own, beside a client without our options, whose
request does arrive late.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest

from pipeline.destinations.exchange import Request
from pipeline.http.connections import connections
from pipeline.http.session import Exchange, PartnerSession, Silent
from tests.http.sessions import Lane, post

LATE_SECONDS = 1.0
GIVEN_UP_SECONDS = 1.0
CUT_SECONDS = 3.5
"""The kernel repeats after 0.2, 0.6, 1.4, 3 and 6.2 seconds."""
PATIENCE_SECONDS = 40.0
"""No promise: only so long the test waits for the request that does arrive late."""
FAR_CARD = "02:00:00:00:00:02"

SERVER = """
import asyncio, sys

async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b"\\r\\n\\r\\n"):
            size = int(head.lower().partition(b"content-length: ")[2].split()[0])
            await reader.readexactly(size)
            print(head.split()[1].decode(), flush=True)
            if b"/late" not in head:
                writer.write(b"HTTP/1.1 202 Accepted\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    except (ConnectionError, asyncio.IncompleteReadError):
        pass

async def main():
    server = await asyncio.start_server(serve, sys.argv[1], 8080)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
DYING = f"""
import asyncio, sys
from tests.http.sessions import Lane
from tests.http.test_late_delivery import asked
from pipeline.http.connections import connections
from pipeline.http.session import PartnerSession

async def main(url):
    async with connections({LATE_SECONDS * 100}) as http:
        session = PartnerSession(http, url, 60, lambda *_: None)
        await session.exchange(asked("/died/early"), {{}}, Lane())
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        await session.exchange(asked("/died/late"), {{}}, Lane())

asyncio.run(main(sys.argv[1]))
"""


def asked(path: str) -> Request:
    return replace(post(b"x" * 1000), path=path)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A machine of its own at the other end of a cable that can be pulled."""

    name: str
    here: str
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}:8080"

    def inside(self, *command: str) -> Sequence[str]:
        return ["ip", "netns", "exec", self.name, *command]

    async def cable(self, state: str) -> None:
        command = self.inside("ip", "link", "set", "far", state)
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if shutil.which("ip") is None:
        pytest.skip("needs `ip` (iproute2) to make a network namespace")
    number = os.getpid()
    subnet = f"10.213.{number % 250}"
    made = Namespace(f"late-{number}", f"near{number}"[:15], f"{subnet}.2")
    try:
        _make(made, f"{subnet}.1")
    except subprocess.CalledProcessError as error:
        _remove(made)
        reason = f"may not make a network namespace: {error.stderr.decode().strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}; in continuous integration this may not be skipped")
        pytest.skip(reason)
    try:
        yield made
    finally:
        _remove(made)


def _make(namespace: Namespace, near: str) -> None:
    for command in (
        ["ip", "netns", "add", namespace.name],
        [
            *("ip", "link", "add", namespace.here, "type", "veth"),
            *("peer", "name", "far", "address", FAR_CARD, "netns", namespace.name),
        ],
        ["ip", "address", "add", f"{near}/30", "dev", namespace.here],
        ["ip", "link", "set", namespace.here, "up"],
        # Who asks for the way during the cut would keep a packet until it ends, and deliver it.
        [
            *("ip", "neighbour", "add", namespace.address, "lladdr", FAR_CARD),
            *("dev", namespace.here, "nud", "permanent"),
        ],
        namespace.inside("ip", "address", "add", f"{namespace.address}/30", "dev", "far"),
        namespace.inside("ip", "link", "set", "far", "up"),
    ):
        subprocess.run(command, check=True, capture_output=True)


def _remove(namespace: Namespace) -> None:
    # The cable goes with its far end.
    subprocess.run(["ip", "netns", "del", namespace.name], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", namespace.here], check=False, capture_output=True)


@dataclass(slots=True)
class Partner:
    """What arrived at the other end, by path, in order."""

    process: asyncio.subprocess.Process
    arrived: list[str] = field(default_factory=list)

    async def until(self, path: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while path not in self.arrived:
                assert self.process.stdout is not None
                self.arrived.append((await self.process.stdout.readline()).decode().strip())


@asynccontextmanager
async def started(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_nothing_that_was_given_up_in_a_cut_arrives_after_it(namespace: Namespace) -> None:
    """
    Neither what this process gave up, nor what a process had sent that died, nor what is still
    waited for: of that the kernel lets go, and says so, within `late_seconds`.
    """
    serve = namespace.inside(sys.executable, "-c", SERVER, namespace.address)
    async with (
        started(*serve) as serving,
        connections(100 * LATE_SECONDS) as given_up,
        connections(LATE_SECONDS) as waiting,
        aiohttp.ClientSession() as plain,
        asyncio.TaskGroup() as tasks,
    ):
        partner = Partner(serving)
        await partner.until("ready")
        async with started(sys.executable, "-c", DYING, namespace.url) as dying:
            assert dying.stdin is not None
            assert dying.stdout is not None
            assert await dying.stdout.readline() == b"ready\n"

            for name, http in (("gave-up", given_up), ("waits", waiting), ("plain", plain)):
                await _exchange(http, namespace.url, f"/{name}/early", 10)
            await namespace.cable("down")
            dying.stdin.write(b"\n")
            gave_up = tasks.create_task(
                _exchange(given_up, namespace.url, "/gave-up/late", GIVEN_UP_SECONDS)
            )
            waited = tasks.create_task(_exchange(waiting, namespace.url, "/waits/late", 60))
            tasks.create_task(_abandoned(plain, namespace.url + "/plain/late"))
            await asyncio.sleep(CUT_SECONDS)
            assert waited.done()
            dying.send_signal(signal.SIGKILL)
            await dying.wait()
            await namespace.cable("up")
            await partner.until("/plain/late")
            await asyncio.sleep(CUT_SECONDS)  # whatever else was on its way arrives with it
        serving.kill()
        await serving.wait()
        await partner.until("")

    late = [path for path in partner.arrived if path.endswith("/late")]
    assert late == ["/plain/late"]
    assert gave_up.result() == Silent("no answer in time", "timeout")
    assert waited.result() == Silent("connection timed out", "reset")


async def _exchange(http: aiohttp.ClientSession, url: str, path: str, timeout: float) -> Exchange:
    session = PartnerSession(http, url, timeout, lambda *_: None)
    return await session.exchange(asked(path), {}, Lane())


async def _abandoned(http: aiohttp.ClientSession, url: str) -> None:
    """
    As a client without our options does it.
    """
    with contextlib.suppress(TimeoutError):
        timeout = aiohttp.ClientTimeout(total=GIVEN_UP_SECONDS)
        async with http.post(url, data=b"x" * 1000, timeout=timeout):
            pass
