"""Turns the reply of a simulated partner into an HTTP response."""

from collections.abc import Callable, Mapping

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pipeline.sandbox.any_partner.reply import Reply


def written(reply: Reply, media_type: str, headers: Mapping[str, str]) -> web.Response:
    """A reply as a response; without a body it has no media type, and text is an HTML page."""
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    if isinstance(reply.body, str):
        return web.Response(
            status=reply.status, text=reply.body, content_type="text/html", headers=headers
        )
    return web.Response(
        status=reply.status,
        body=orjson.dumps(reply.body),
        headers={**headers, "Content-Type": media_type},
    )


def refusing_by(reply_of: Callable[[int, str], Reply]) -> Middleware:
    """A middleware that answers requests without a route in the partner's form of errors."""

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return written(reply_of(error.status, error.reason), "application/json", allowed)

    return answered
