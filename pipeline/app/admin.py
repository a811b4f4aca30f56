"""Serves metrics, health, readiness and status to operators over HTTP."""

import asyncio
import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import orjson
from aiohttp import web

JSON: Final = "application/json"

PATHS: Final = """\
/metrics  Prometheus text
/healthz  200 while all work makes progress, otherwise 503; with the reasons
/readyz   200 once this process serves a destination, otherwise 503; with all troubles
/status   lanes, cap use, jobs and lag, as JSON
"""


class AdminAddressError(Exception):
    """The admin endpoint cannot listen where the configuration says; the message has the remedy."""


class AdminPortBusy(AdminAddressError):
    """Another process listens on the admin port."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether all is well, and sentences about what is wrong, without personal data."""

    ok: bool
    reasons: Sequence[str] = ()


class AdminServer:
    """Listens while its context is entered; each request calls one of the four callables.

    They must answer at once, from memory. There is no authentication: the answers hold no personal
    data and no secret, and nothing can be changed.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        exposition: Callable[[], tuple[bytes, str]],
        health: Callable[[], HealthReport],
        readiness: Callable[[], HealthReport],
        status: Callable[[], Mapping[str, object]],
    ) -> None:
        self._host = host
        self._port = port
        self._exposition = exposition
        self._health = health
        self._readiness = readiness
        self._status = status
        # An access log would have a line for each scrape. A scraper must not delay our end.
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)

    @property
    def port(self) -> int:
        """The port; with port 0 in the settings, the port that the system chose."""
        _, port, *_ = self._runner.addresses[0]
        return int(port)

    async def __aenter__(self) -> Self:
        """Start to listen; raise `AdminPortBusy` or another `AdminAddressError` if that fails."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise self._explained(error) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/", self._answer_paths)
        application.router.add_get("/metrics", self._answer_metrics)
        application.router.add_get("/healthz", self._answer_health)
        application.router.add_get("/readyz", self._answer_readiness)
        application.router.add_get("/status", self._answer_status)
        return application

    async def _answer_paths(self, _: web.Request) -> web.Response:
        return web.Response(text=PATHS)

    async def _answer_metrics(self, _: web.Request) -> web.Response:
        # In a thread: with a thousand lanes it takes half a second, and lanes must not wait.
        body, content_type = await asyncio.to_thread(self._exposition)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _answer_health(self, _: web.Request) -> web.Response:
        return _report(self._health())

    async def _answer_readiness(self, _: web.Request) -> web.Response:
        return _report(self._readiness())

    async def _answer_status(self, _: web.Request) -> web.Response:
        return _json(self._status(), status=200)

    def _explained(self, error: OSError) -> AdminAddressError:
        where = f"admin.port: cannot listen on {self._host}:{self._port}"
        if error.errno == errno.EADDRINUSE:
            return AdminPortBusy(
                f"{where}: another process has it; stop that one or choose another admin.port"
            )
        return AdminAddressError(
            f"{where}: {error.strerror}; correct admin.host or choose another admin.port"
        )


def _report(report: HealthReport) -> web.Response:
    word, status = ("ok", 200) if report.ok else ("failing", 503)
    return _json({"status": word, "reasons": list(report.reasons)}, status=status)


def _json(body: Mapping[str, object], *, status: int) -> web.Response:
    # Indented, because people read it in a terminal.
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=text, status=status, content_type=JSON, headers=headers)
