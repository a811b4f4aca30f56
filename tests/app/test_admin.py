"""What an operator, a probe and a scraper get from the admin endpoint."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from pipeline.app.admin import (
    AdminAddressError,
    AdminPortBusy,
    AdminServer,
    HealthReport,
)
from pipeline.telemetry.prometheus import prometheus_telemetry


class Process:
    """What the endpoint asks about: set by a test, read by the server."""

    def __init__(self) -> None:
        self.telemetry = prometheus_telemetry()
        self.exposition = self.telemetry.metrics.exposition
        self.health = HealthReport(ok=True)
        self.readiness = HealthReport(ok=True)
        self.status: Mapping[str, object] = {"lanes": []}

    def server(self, port: int = 0, host: str = "127.0.0.1") -> AdminServer:
        return AdminServer(
            host=host,
            port=port,
            exposition=self.exposition,
            health=lambda: self.health,
            readiness=lambda: self.readiness,
            status=lambda: self.status,
        )


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def browser(process: Process) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        process.server() as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        yield session


async def test_metrics_are_served_as_prometheus_text(
    process: Process, browser: aiohttp.ClientSession
) -> None:
    process.telemetry.ingest.events_consumed(source="cdp.membership", count=7)

    async with browser.get("/metrics") as answer:
        text = await answer.text()

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'audience_events_consumed_total{source="cdp.membership"} 7.0' in text


async def test_a_large_exposition_does_not_keep_the_event_loop_from_its_work() -> None:
    """
    With a thousand lanes it takes half a second; requests in flight must not wait for it.
    """
    process, turns = Process(), 0
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> tuple[bytes, str]:
        begun.set()
        assert may_end.wait(10)
        return b"", "text/plain; version=0.0.4"

    process.exposition = slow
    async with (
        process.server() as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
        asyncio.TaskGroup() as tasks,
    ):
        scrape = tasks.create_task(session.get("/metrics"), name="scrape")
        while turns < 100 or not begun.is_set():
            await asyncio.sleep(0)
            turns += 1
        assert not scrape.done()
        may_end.set()
        async with await scrape as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/status"])
async def test_nobody_on_the_way_keeps_an_old_answer(
    path: str, browser: aiohttp.ClientSession
) -> None:
    async with browser.get(path) as answer:
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_all_being_well_is_200(path: str, browser: aiohttp.ClientSession) -> None:
    async with browser.get(path) as answer:
        assert answer.status == 200
        assert await answer.json() == {"status": "ok", "reasons": []}


async def test_a_process_without_progress_is_503_with_the_reason(
    process: Process, browser: aiohttp.ClientSession
) -> None:
    process.health = HealthReport(ok=False, reasons=["upload: no progress for 300 s"])

    async with browser.get("/healthz") as answer:
        assert answer.status == 503
        assert await answer.json() == {
            "status": "failing",
            "reasons": ["upload: no progress for 300 s"],
        }


async def test_a_process_that_is_not_ready_may_still_be_healthy(
    process: Process, browser: aiohttp.ClientSession
) -> None:
    process.readiness = HealthReport(ok=False, reasons=["ingest: no partitions yet"])

    async with browser.get("/readyz") as ready, browser.get("/healthz") as healthy:
        assert (ready.status, healthy.status) == (503, 200)


async def test_status_is_json_as_it_is_at_that_moment(
    process: Process, browser: aiohttp.ClientSession
) -> None:
    process.status = {"lanes": [{"connection": "connection-1", "state": "running"}]}

    async with browser.get("/status") as answer:
        assert answer.status == 200
        assert await answer.json() == process.status
        assert answer.headers["Cache-Control"] == "no-store"


async def test_the_front_page_names_the_paths(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as answer:
        text = await answer.text()

    assert [line.split()[0] for line in text.splitlines()] == [
        "/metrics",
        "/healthz",
        "/readyz",
        "/status",
    ]


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/status"])
async def test_nothing_can_be_changed_through_it(path: str, browser: aiohttp.ClientSession) -> None:
    async with browser.post(path) as answer:
        assert answer.status == 405


async def test_a_busy_port_is_named_with_the_remedy(process: Process) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(AdminPortBusy) as raised:
            async with process.server(port):
                pass

    assert str(raised.value) == (
        f"admin.port: cannot listen on 127.0.0.1:{port}: another process has it; "
        "stop that one or choose another admin.port"
    )


async def test_a_host_that_is_not_ours_is_named_with_the_remedy(process: Process) -> None:
    with pytest.raises(AdminAddressError, match=r"192\.0\.2\.1.*correct admin\.host"):
        async with process.server(host="192.0.2.1"):
            pass


async def test_the_port_is_free_again_afterwards(process: Process) -> None:
    async with process.server() as first:
        port = first.port

    async with process.server(port) as second:
        assert second.port == port
