"""Serves the simulated partner over HTTP: reads a whole request, then answers it or fails it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial

from aiohttp import web

from pipeline.sandbox.amazon_ads.calls import Call, Performance
from pipeline.sandbox.amazon_ads.dialects import GATEWAY, Refusal
from pipeline.sandbox.amazon_ads.faults import Fault
from pipeline.sandbox.amazon_ads.journal import LoggedRequest
from pipeline.sandbox.amazon_ads.world import ROUTES, Route, World
from pipeline.sandbox.any_partner.connection_reset import reset
from pipeline.sandbox.any_partner.reply import Reply
from pipeline.sandbox.any_partner.writing import refusing_by, written

READABLE_BYTES = 256 * 1024 * 1024
"""Longer bodies are read to their end and then refused: to cut them off would look like a reset."""


@dataclass(slots=True)
class _Wait:
    """Tells whether a client still waits for the answer to its request."""

    request: web.Request
    is_answered: bool = False

    def is_on(self) -> bool:
        transport = self.request.transport
        return not self.is_answered and transport is not None and not transport.is_closing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Passes calls from aiohttp to the world."""

    world: World
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    new_request_id: Callable[[], str]

    def application(self) -> web.Application:
        application = web.Application(
            client_max_size=READABLE_BYTES, middlewares=[refusing_by(_refused)]
        )
        for route in ROUTES:
            handler = partial(self._serve, route)
            application.router.add_route(route.method, route.path, handler)
        return application

    async def _serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        began = self.clock()
        wait = _Wait(request)
        if self.world.faults.resets(route.name, began):
            return self._gone(route, request, began, "reset")
        try:
            body = await request.read()
        except (ConnectionError, web.RequestPayloadError):
            # The request did not arrive completely, so it does not count.
            return self._gone(route, request, began, "incomplete")
        call = self._call(request, body, wait)
        performance = self.world.perform(route, call)
        await self._delay(performance.fault)
        wait.is_answered = True
        self._log(route, call, performance)
        if performance.fault.ending == "drop":
            reset(request)
            return web.Response()
        return self._response(route, call, performance)

    async def _delay(self, fault: Fault) -> None:
        latency = self.world.faults.latency(fault)
        if latency > 0:
            await self.sleep(latency)

    def _call(self, request: web.Request, body: bytes, wait: _Wait) -> Call:
        return Call(
            path=dict(request.match_info),
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            now=self.clock(),
            request_id=self.new_request_id(),
            is_awaited=wait.is_on,
        )

    def _gone(
        self, route: Route, request: web.Request, began: float, outcome: str
    ) -> web.StreamResponse:
        self.world.journal.add(
            LoggedRequest(
                at=began,
                endpoint=route.name,
                outcome=outcome,
                seconds=self.clock() - began,
                body_bytes=0,
            )
        )
        reset(request)
        return web.Response()

    def _log(self, route: Route, call: Call, performance: Performance) -> None:
        is_dropped = performance.fault.ending == "drop"
        self.world.journal.add(
            LoggedRequest(
                at=call.now,
                endpoint=route.name,
                outcome="dropped" if is_dropped else str(performance.reply.status),
                seconds=self.clock() - call.now,
                body_bytes=len(call.body),
                records=performance.records,
                audience=performance.audience,
                target=performance.target,
            )
        )

    def _response(self, route: Route, call: Call, performance: Performance) -> web.Response:
        headers = {"x-amzn-RequestId": call.request_id, **performance.reply.headers}
        fault = performance.fault
        if fault.status is not None and fault.retry_after is not None:
            headers["Retry-After"] = self._retry_after(fault.retry_after, fault.retry_after_form)
        return written(performance.reply, route.dialect.media_type, headers)

    def _retry_after(self, seconds: float, form: str) -> str:
        if form == "date":
            return formatdate(self.wall_clock() + seconds, usegmt=True)
        return str(int(seconds))


def _refused(status: int, reason: str) -> Reply:
    return GATEWAY.refuse(Refusal(status, reason), "")
