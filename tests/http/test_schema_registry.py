"""A registry that is away is waited for; an id that it does not know is a dead letter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from pipeline.domain.reasons import Rejected
from pipeline.http.schema_registry import HttpSchemaRegistry, registry_at
from pipeline.sources.encodings.schemas import Reference, Schema, Schemas
from pipeline.sources.settings import RegistrySettings
from tests.fakes.schema_registry import Registered, error, registry_server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.http.schema_registry.BETWEEN_TRIES.__class__.delay", lambda *_: 0)


@asynccontextmanager
async def asking(
    url: str, *, is_protobuf: bool = False, **keys: Any
) -> AsyncIterator[tuple[HttpSchemaRegistry, Schemas]]:
    schemas = Schemas()
    settings = RegistrySettings.model_validate({"url": url, **keys})
    async with aiohttp.ClientSession() as http:
        registry = registry_at(http, settings, schemas, is_protobuf=is_protobuf, chance=lambda: 0.0)
        yield registry, schemas


def nothing() -> None:
    return None


async def test_a_schema_is_fetched_once_for_everybody() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        server.by_id[7] = Registered("AVRO", '"string"')

        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(registry.fetch(7, nothing))

    assert schemas.find(7) == Schema("AVRO", '"string"')
    assert server.asked == ["/schemas/ids/7"]


async def test_references_come_before_what_refers_to_them_each_once() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        country = {"name": "Country", "subject": "geo/country", "version": 2}
        member = {"name": "Member", "subject": "member", "version": 1}
        server.by_id[7] = Registered("AVRO", "main", [member, country])
        server.by_subject["member", 1] = Registered("AVRO", "member", [country])
        server.by_subject["geo/country", 2] = Registered("AVRO", "country")

        await registry.fetch(7, nothing)

    expected = (Reference("Country", "country"), Reference("Member", "member"))
    assert schemas.find(7) == Schema("AVRO", "main", expected)
    assert len(server.asked) == 3


async def test_of_protobuf_the_descriptor_is_asked_for() -> None:
    async with registry_server() as (server, url):
        server.by_id[7] = Registered("PROTOBUF", "syntax = ...", descriptor=b"abc")
        async with asking(url, is_protobuf=True) as (registry, schemas):
            await registry.fetch(7, nothing)

    assert schemas.find(7) == Schema("PROTOBUF", "YWJj")
    assert server.asked == ["/schemas/ids/7?format=serialized"]


async def test_a_schema_of_many_packets_comes_whole() -> None:
    text = orjson.dumps({"doc": "x" * 3_000_000}).decode()
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        server.by_id[7] = Registered("AVRO", text)

        await registry.fetch(7, nothing)

    assert schemas.find(7) == Schema("AVRO", text)


async def test_an_answer_without_end_is_not_read_to_it() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        server.by_id[7] = Registered("AVRO", '"string"')
        server.failing = [web.Response(text="x" * 9_000_000)]

        with capture_logs() as logs:
            await registry.fetch(7, nothing)

    assert schemas.find(7) == Schema("AVRO", '"string"')
    assert logs[0]["reason"] == "an answer that is too large"


async def test_an_unknown_id_is_told_and_asked_for_again_only_later() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        await registry.fetch(8, nothing)
        first = schemas.find(8)
        await registry.fetch(8, nothing)
        second = schemas.find(8)

    assert isinstance(first, Rejected)
    assert first.reason == "unknown_schema"
    assert second == first
    assert server.asked == ["/schemas/ids/8"]


async def test_a_reference_that_is_gone_makes_the_schema_unknown() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        gone = {"name": "Member", "subject": "member", "version": 9}
        server.by_id[7] = Registered("AVRO", "main", [gone])

        await registry.fetch(7, nothing)

    assert isinstance(schemas.find(7), Rejected)


@pytest.mark.parametrize(
    "failure",
    [
        lambda: error(503, 50301, "no leader"),
        lambda: error(500, 50001, "store"),
        lambda: error(429, 42901, "slow down"),
        lambda: error(401, 401, "Unauthorized"),
        lambda: error(403, 40301, "no"),
        lambda: web.Response(status=404, text="<html>nothing here"),
        lambda: error(404, 404, "HTTP 404 Not Found"),
        lambda: web.Response(status=200, text="<html>log in"),
        lambda: web.json_response(["schema"]),
        lambda: web.json_response({"schema": 7}),
        lambda: web.Response(status=302, headers={"Location": "http://elsewhere/"}),
    ],
)
async def test_an_answer_that_is_not_the_registrys_word_is_waited_out(failure: Any) -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        server.by_id[7] = Registered("AVRO", '"string"')
        server.failing = [failure(), failure(), failure()]
        waited: list[bool] = []

        with capture_logs() as logs:
            await registry.fetch(7, lambda: waited.append(True))

    assert isinstance(schemas.find(7), Schema)
    assert len(waited) == 4
    assert [line["event"] for line in logs] == ["waiting for the schema registry"]


async def test_a_registry_that_cannot_be_reached_is_waited_for() -> None:
    tries = 0

    def counted() -> None:
        nonlocal tries
        tries += 1
        if tries == 4:
            raise KeyboardInterrupt  # the only way out of a wait without end

    with pytest.raises(KeyboardInterrupt):
        async with asking("http://127.0.0.1:1") as (registry, _):
            await registry.fetch(7, counted)


async def test_the_password_is_read_again_and_shown_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong-hush")
    async with (
        registry_server() as (server, url),
        asking(url, username="us", password_file=secret) as (registry, schemas),
    ):
        server.credentials = "us:right-hush"
        server.by_id[7] = Registered("AVRO", '"string"')
        tries = 0

        def rotate() -> None:
            nonlocal tries
            tries += 1
            if tries == 3:
                secret.write_text("right-hush")

        with capture_logs() as logs:
            await registry.fetch(7, rotate)

    assert isinstance(schemas.find(7), Schema)
    assert "hush" not in str(logs)


async def test_a_password_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush")
    async with (
        registry_server() as (server, url),
        asking(url, username="us", password_file=secret) as (registry, schemas),
    ):
        server.by_id[7] = Registered("AVRO", '"string"')
        secret.unlink()
        tries = 0

        def mount() -> None:
            nonlocal tries
            tries += 1
            if tries == 3:
                secret.write_text("hush")

        await registry.fetch(7, mount)

    assert isinstance(schemas.find(7), Schema)


async def test_references_without_end_are_no_schema() -> None:
    async with registry_server() as (server, url), asking(url) as (registry, schemas):
        server.by_id[7] = Registered("AVRO", "main", [{"name": "r", "subject": "s", "version": 1}])
        for number in range(1, 400):
            server.by_subject["s", number] = Registered(
                "AVRO", "x", [{"name": "r", "subject": "s", "version": number + 1}]
            )

        await registry.fetch(7, nothing)

    assert isinstance(schemas.find(7), Rejected)


async def test_an_outage_is_shown_while_a_schema_is_waited_for_and_no_longer() -> None:
    """
    To whoever asks for the status, and to a metric: the log alone is seen by nobody.
    """
    told: list[bool] = []
    seen: list[str | None] = []
    async with registry_server() as (server, url), aiohttp.ClientSession() as http:
        server.by_id[7] = Registered("AVRO", '"string"')
        server.failing = [web.Response(status=502, text="bad gateway") for _ in range(2)]
        settings = RegistrySettings.model_validate({"url": url})
        registry = registry_at(
            http, settings, Schemas(), is_protobuf=False, chance=lambda: 0.0, told=told.append
        )

        await registry.fetch(7, lambda: seen.append(registry.trouble))

    assert seen == [None, *["status 502 without JSON"] * 2]
    assert told == [True, True, False]
    assert registry.trouble is None


async def test_whoever_loses_its_partition_while_it_waits_waits_no_more() -> None:
    """
    The alert would stand for ever: whoever has the partition now says nothing of this process.
    """
    told: list[bool] = []
    async with registry_server() as (server, url), aiohttp.ClientSession() as http:
        server.failing = [web.Response(status=502) for _ in range(10_000)]
        settings = RegistrySettings.model_validate({"url": url})
        registry = registry_at(
            http, settings, Schemas(), is_protobuf=False, chance=lambda: 0.0, told=told.append
        )
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(registry.fetch(7, nothing))
            while True not in told:
                await asyncio.sleep(0)
            waiting.cancel()

    assert told[-1] is False
    assert registry.trouble is None
