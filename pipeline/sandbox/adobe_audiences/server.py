"""Serves the simulated partner over HTTP: reads a whole request, then answers it or fails it."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from pipeline.sandbox.adobe_audiences.answers import error
from pipeline.sandbox.adobe_audiences.calls import Call, Performance
from pipeline.sandbox.adobe_audiences.contracts import Route
from pipeline.sandbox.adobe_audiences.vocabulary import EndpointName
from pipeline.sandbox.adobe_audiences.world import World
from pipeline.sandbox.any_partner.connection_reset import reset
from pipeline.sandbox.any_partner.reply import Reply
from pipeline.sandbox.any_partner.writing import refusing_by, written

READABLE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request. `outcome` is the status code, or how the connection ended."""

    at: float
    endpoint: EndpointName
    outcome: str
    audience: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Passes calls from aiohttp to the world."""

    world: World
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    recent: deque[LoggedRequest]
    counts: Counter[str] = field(default_factory=Counter)
    """The number of requests, by endpoint and outcome."""

    def application(self) -> web.Application:
        application = web.Application(
            client_max_size=READABLE_BYTES, middlewares=[refusing_by(_refused)]
        )
        for route in self.world.contract.routes:
            handler = partial(self._serve, route)
            application.router.add_route(route.method, route.path, handler)
        return application

    async def _serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        audience = request.match_info.get("audience")
        if self.world.faults.resets(route.name, audience, self.clock()):
            return self._gone(route, request, "reset")
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError):
            # The request did not arrive completely, so it does not count.
            return self._gone(route, request, "incomplete")
        call = Call(
            path=dict(request.match_info),
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            now=await self.world.advance(self.clock),
        )
        performance = self.world.perform(route, call)
        latency = self.world.faults.latency(performance.fault)
        if latency > 0:
            await self.sleep(latency)
        if performance.fault.ending == "drop":
            return self._gone(route, request, "dropped")
        self._log(route, audience, str(performance.reply.status))
        return _response(performance)

    def _gone(self, route: Route, request: web.Request, outcome: str) -> web.StreamResponse:
        self._log(route, request.match_info.get("audience"), outcome)
        reset(request)
        return web.Response()

    def _log(self, route: Route, audience: str | None, outcome: str) -> None:
        self.counts[f"{route.name} {outcome}"] += 1
        self.recent.append(
            LoggedRequest(at=self.clock(), endpoint=route.name, outcome=outcome, audience=audience)
        )


def _response(performance: Performance) -> web.Response:
    reply, fault = performance.reply, performance.fault
    if fault.ending == "garble":
        reply = Reply(reply.status, "<html><body>Welcome</body></html>")
    headers = dict(reply.headers)
    if fault.status is not None and fault.retry_after is not None:
        headers["Retry-After"] = str(int(fault.retry_after))
    return written(reply, "application/json", headers)


def _refused(status: int, reason: str) -> Reply:
    return error(status, f"{status}000", reason, "code")
