"""Avro through the installed command, with a registry that is away when the first message comes."""

import asyncio
import io
import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import fastavro
import pytest
import yaml

from tests.acceptance.test_readme import PATIENCE, elsewhere, served, wait_for
from tests.conftest import GivenCluster
from tests.fakes.schema_registry import Registered, error, registry_server
from tests.servers.kafka_clients import producing

__all__ = ["elsewhere"]

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "tests/sources/corpus/schemas/7.avsc").read_text())
EVENT = {
    "audience": "vip-customers",
    "action": "add",
    "occurred_at": "2026-11-22T10:15:00Z",
    "member": {"id": "u-1001", "country": None, "identities": [{"email": "ana@example.com"}]},
}

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]


def framed(schema_id: int) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, SCHEMA, EVENT)
    return b"\x00" + schema_id.to_bytes(4, "big") + stream.getvalue()


def configuration(folder: Path, registry: str) -> Path:
    """The local configuration, with a source in Avro."""
    document = yaml.safe_load((ROOT / "config/local.yaml").read_text())
    document["sources"] = [{"topic": "avro", "encoding": "avro", "registry": {"url": registry}}]
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def held(partner: str) -> str:
    with urllib.request.urlopen(f"{partner}/__simulator__/membership") as answer:
        return str(answer.read().decode())


async def test_a_registry_that_comes_back_costs_no_message(
    tmp_path: Path, elsewhere: Mapping[str, str]
) -> None:
    partner = elsewhere["AUDIENCE_PIPELINE__DESTINATIONS__AMAZON_NA__API_URL"]
    broker = GivenCluster(elsewhere["AUDIENCE_PIPELINE__KAFKA__BOOTSTRAP_SERVERS"])
    async with registry_server() as (server, url):
        server.by_id[7] = Registered("AVRO", json.dumps(SCHEMA))
        server.failing = [error(503, 50301, "no leader") for _ in range(3)]
        serve = (
            f"{Path(sys.executable).parent}/audience-pipeline sandbox --serve --config "
            f"{configuration(tmp_path, url)}"
        )
        with served(serve, tmp_path, elsewhere) as shown:
            await asyncio.to_thread(wait_for, shown, "partitions assigned")
            async with producing(broker) as producer:
                for schema_id in (7, 8):
                    await producer.send_and_wait("avro", framed(schema_id), key=b"u-1001")
            async with asyncio.timeout(PATIENCE):
                while "u-1001" not in await asyncio.to_thread(held, partner):
                    await asyncio.sleep(0.2)
            await asyncio.to_thread(wait_for, shown, "unknown_schema")
            told = shown.read_text()

    assert "waiting for the schema registry" in told
