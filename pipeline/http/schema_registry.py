"""Fetches schemas over HTTP from Confluent's Schema Registry, or one with the same API."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import structlog
from yarl import URL

from pipeline.settings.problems import SecretUnreadableError
from pipeline.sources.encodings.schemas import Reference, Schema, SchemaKind, Schemas
from pipeline.sources.settings import RegistrySettings
from pipeline.stages.retry import Backoff

LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
BETWEEN_TRIES = Backoff(initial=0.5, maximum=15.0)
UNKNOWN_FOR_SECONDS = 60.0
"""How long an id that the registry does not know is not asked for again: a flood of bad messages
must not become a flood of questions."""
LOG_EVERY_SECONDS = 60.0

_KINDS: Mapping[str, SchemaKind] = {"AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON"}
_NOT_FOUND = frozenset({40401, 40402, 40403})
"""The registry's codes for a missing schema; a 404 without one comes from another server."""
_MOST_REFERENCES = 200
_MOST_UNKNOWN = 1_000

log = structlog.get_logger(__name__)


class _Away(Exception):
    """The registry did not answer; the message says what came instead."""


class _NoSuchSchema(Exception):
    """The registry has no schema of this id, or lacks a schema that it refers to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAddress:
    """The address of the registry, and our login."""

    url: str
    username: str | None
    password: Callable[[], str]
    """Read for each request, so that a rotated secret is found."""
    timeout: float
    trust: ssl.SSLContext | bool
    """True: the system's own certificates."""


class HttpSchemaRegistry:
    """Fetches schemas one at a time, each once. It waits for the end of an outage of any length."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: RegistryAddress,
        schemas: Schemas,
        *,
        is_protobuf: bool,
        chance: Callable[[], float],
        told: Callable[[bool], None],
    ) -> None:
        """`told` is called after each try, with whether we wait for the registry."""
        self._session = session
        self._address = address
        self._schemas = schemas
        # The registry stores Protobuf as text, and gives the descriptor only on demand.
        self._query = "?format=serialized" if is_protobuf else ""
        self._chance = chance
        self._turn = asyncio.Lock()
        self._unknown_until: dict[int, float] = {}
        self._told = told
        self._log_again_at = 0.0
        self.trouble: str | None = None
        """Why a needed schema cannot be fetched now; None while no schema is waited for."""

    async def fetch(self, schema_id: int, still_waiting: Callable[[], None]) -> None:
        failures = 0
        async with self._turn:
            try:
                while not self._is_settled(schema_id):
                    still_waiting()
                    try:
                        self._schemas.known[schema_id] = await self._schema(schema_id)
                    except _NoSuchSchema:
                        self._remember_unknown(schema_id)
                    except _Away as error:
                        failures += 1
                        self._is_away(str(error))
                        self._say(str(error))
                        await asyncio.sleep(BETWEEN_TRIES.delay(failures, self._chance()))
            finally:
                # The caller may be cancelled because it lost the partition; then nobody waits here.
                self._is_away(None)

    def _is_settled(self, schema_id: int) -> bool:
        if schema_id in self._schemas.known:
            return True
        if self._unknown_until.get(schema_id, 0.0) <= _now():
            return False
        self._schemas.unknown.add(schema_id)
        return True

    def _remember_unknown(self, schema_id: int) -> None:
        if len(self._unknown_until) >= _MOST_UNKNOWN:
            self._unknown_until.clear()
        self._unknown_until[schema_id] = _now() + UNKNOWN_FOR_SECONDS

    async def _schema(self, schema_id: int) -> Schema:
        found = await self._get(f"/schemas/ids/{schema_id}")
        kind = _KINDS.get(str(found.get("schemaType", "AVRO")))
        if kind is None:
            raise _NoSuchSchema
        references: dict[tuple[str, int], Reference] = {}
        await self._gather(found, references)
        return Schema(kind, str(found["schema"]), tuple(references.values()))

    async def _gather(
        self, schema: Mapping[str, Any], found: dict[tuple[str, int], Reference]
    ) -> None:
        """Collect the references of a schema, each after its own references."""
        for one in schema.get("references") or ():
            place = (str(one["subject"]), int(one["version"]))
            if place in found:
                continue
            if len(found) >= _MOST_REFERENCES:
                raise _NoSuchSchema
            subject = quote(place[0], safe="")
            inner = await self._get(f"/subjects/{subject}/versions/{place[1]}")
            await self._gather(inner, found)
            found[place] = Reference(str(one["name"]), str(inner["schema"]))

    async def _get(self, path: str) -> Mapping[str, Any]:
        address = self._address
        try:
            async with self._session.get(
                URL(address.url + path + self._query, encoded=True),
                headers=_headers(address),
                timeout=aiohttp.ClientTimeout(total=address.timeout),
                ssl=address.trust,
                allow_redirects=False,
            ) as reply:
                return _answer(reply.status, await _body(reply))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Away(type(error).__name__) from error
        except SecretUnreadableError as error:
            raise _Away(str(error)) from error

    def _is_away(self, trouble: str | None) -> None:
        self.trouble = trouble
        self._told(trouble is not None)

    def _say(self, trouble: str) -> None:
        if _now() >= self._log_again_at:
            self._log_again_at = _now() + LOG_EVERY_SECONDS
            log.warning("waiting for the schema registry", url=self._address.url, reason=trouble)


async def _body(reply: aiohttp.ClientResponse) -> bytes:
    """Read the whole answer, within bounds."""
    body = bytearray()
    async for piece in reply.content.iter_any():
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            raise _Away("an answer that is too large")
    return bytes(body)


def _headers(address: RegistryAddress) -> Mapping[str, str]:
    headers = {"Accept": "application/vnd.schemaregistry.v1+json, application/json"}
    if address.username is not None:
        pair = f"{address.username}:{address.password()}".encode()
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    return headers


def _answer(status: int, body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Away(f"status {status} without JSON") from None
    if not isinstance(said, dict):
        raise _Away(f"status {status} without a schema")
    if status == 404 and said.get("error_code") in _NOT_FOUND:
        raise _NoSuchSchema
    if status != 200 or not isinstance(said.get("schema"), str):
        raise _Away(f"status {status}, error {str(said.get('error_code'))[:20]}")
    return said


def registry_at(
    session: aiohttp.ClientSession,
    settings: RegistrySettings,
    schemas: Schemas,
    *,
    is_protobuf: bool,
    chance: Callable[[], float],
    told: Callable[[bool], None] = lambda _: None,
) -> HttpSchemaRegistry:
    """Make the registry that a source names."""
    password = settings.password_secret()
    ca_file = settings.ca_file
    address = RegistryAddress(
        url=settings.url,
        username=settings.username,
        password=lambda: "" if password is None else password.read(),
        timeout=settings.timeout_seconds,
        trust=True if ca_file is None else ssl.create_default_context(cafile=ca_file),
    )
    return HttpSchemaRegistry(
        session, address, schemas, is_protobuf=is_protobuf, chance=chance, told=told
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
