"""Answers of a simulator's own pages: JSON, or lines of JSON in blocks."""

from collections.abc import Iterable

import orjson
from aiohttp import web

PREFIX = "/__simulator__"
LINES_A_WRITE = 5_000


def in_json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


async def in_lines(request: web.Request, values: Iterable[object]) -> web.StreamResponse:
    """One line of JSON for each value, without all lines in memory at once."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    block: list[bytes] = []
    for value in values:
        block.append(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
        if len(block) >= LINES_A_WRITE:
            await response.write(b"".join(block))
            block.clear()
    await response.write(b"".join(block))
    await response.write_eof()
    return response
