"""A Schema Registry on loopback: what a consumer uses of Confluent's API, and its errors."""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass(slots=True)
class Registered:
    """
    A version of a subject; Protobuf has its text and its descriptor.
    """

    kind: str
    text: str
    references: Sequence[Mapping[str, object]] = ()
    descriptor: bytes = b""


@dataclass(slots=True)
class RegistryServer:
    """
    Schemas by ids and by subjects; `failing` answers come first, as a script.
    """

    by_id: dict[int, Registered] = field(default_factory=dict)
    by_subject: dict[tuple[str, int], Registered] = field(default_factory=dict)
    failing: list[web.Response] = field(default_factory=list)
    credentials: str | None = None
    """user:password"""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.failing:
            return self.failing.pop(0)
        if self.credentials and not _is_by(self.credentials, request):
            return error(401, 401, "Unauthorized")
        match [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]:
            case ["schemas", "ids", number]:
                found = self.by_id.get(int(number))
                if found is None:
                    return error(404, 40403, f"Schema {number} not found")
                return _schema(found, request)
            case ["subjects", subject, "versions", version]:
                if all(name != subject for name, _ in self.by_subject):
                    return error(404, 40401, f"Subject '{subject}' not found.")
                found = self.by_subject.get((subject, int(version)))
                if found is None:
                    return error(404, 40402, f"Version {version} not found.")
                return _schema(found, request, subject=subject, version=int(version), id=1)
            case _:
                return error(404, 404, "HTTP 404 Not Found")


def _is_by(credentials: str, request: web.Request) -> bool:
    expected = "Basic " + base64.b64encode(credentials.encode()).decode()
    return request.headers.get("Authorization") == expected


def error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"error_code": code, "message": message}, status=status)


def _schema(found: Registered, request: web.Request, **more: Any) -> web.Response:
    text = found.text
    if found.kind == "PROTOBUF" and request.query.get("format") == "serialized":
        text = base64.b64encode(found.descriptor).decode()
    body: dict[str, Any] = {**more, "schema": text}
    if found.kind != "AVRO":  # which it leaves out, as the default
        body["schemaType"] = found.kind
    if found.references:
        body["references"] = list(found.references)
    response = web.json_response(body)
    response.headers["Content-Type"] = MEDIA_TYPE
    return response


@asynccontextmanager
async def registry_server() -> AsyncIterator[tuple[RegistryServer, str]]:
    """
    The server and its address.
    """
    server = RegistryServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield server, f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()
