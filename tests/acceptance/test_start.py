"""What a start says when something is not as it should be: one line, with the remedy."""

import asyncio
import contextlib
import random
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.broker import EmbeddedBroker
from pipeline.sandbox.server_process import free_port
from tests.acceptance.deployment import COMMAND, Deployment

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

EMBEDDED: Mapping[str, Any] = {"kafka": {"exactly_once": False}}


@pytest.fixture
def deployment(embedded_broker: EmbeddedBroker, namespace: str, tmp_path: Path) -> Deployment:
    return Deployment(
        tmp_path,
        embedded_broker.bootstrap_servers,
        namespace,
        "http://127.0.0.1:9",
        sections=EMBEDDED,
    )


def run(deployment: Deployment) -> tuple[int, list[str]]:
    """Run the command to its end; the exit code and the lines of its standard error, but logs."""
    done = subprocess.run(
        [COMMAND, "run", "--config", str(deployment.write())],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("error")]


def test_a_broker_that_is_down_is_named_with_its_key(deployment: Deployment) -> None:
    """The address and where to correct it."""
    deployment.bootstrap_servers = f"127.0.0.1:{free_port()}"
    deployment.sections = {"kafka": {"exactly_once": False, "startup_timeout_seconds": 2}}

    code, errors = run(deployment)

    assert code == 1
    assert len(errors) == 1
    assert "kafka.bootstrap_servers" in errors[0]
    assert deployment.bootstrap_servers in errors[0]


async def test_a_start_without_a_broker_is_alive_and_not_ready_and_goes_when_it_is_told(
    deployment: Deployment,
) -> None:
    """Ended after a while, it would be a crash loop; it says what it waits for."""
    deployment.bootstrap_servers = f"127.0.0.1:{free_port()}"
    process = deployment.start()

    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        ready, readiness = 0, dict[str, Any]()
        while not readiness:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{deployment.admin_port}/readyz") as answer:
                    ready, readiness = answer.status, await answer.json()
            await asyncio.sleep(0.1)
        async with http.get(f"http://127.0.0.1:{deployment.admin_port}/healthz") as answer:
            alive = answer.status

    assert (alive, ready) == (200, 503)
    assert deployment.bootstrap_servers in readiness["reasons"][0]
    assert await deployment.stop(process) == 0
    assert "waiting for Kafka" in deployment.logs()


def test_a_missing_source_topic_is_named(deployment: Deployment) -> None:
    """A typo in a topic's name must not be waited for."""
    code, errors = run(deployment)

    assert code == 1
    assert len(errors) == 1
    assert f"topic '{deployment.source}' does not exist" in errors[0]


async def test_brokers_without_transactions_are_told_apart(deployment: Deployment) -> None:
    """With the key that says so."""
    await deployment.create_source()
    deployment.sections = {}

    code, errors = run(deployment)

    assert code == 1
    assert len(errors) == 1
    assert "kafka.exactly_once" in errors[0]


async def test_a_wrong_secret_is_named_and_not_shown(deployment: Deployment) -> None:
    """A start with nothing but refused credentials ends with the partner's word."""
    await deployment.create_source()
    options = SimulatorOptions(client_id="client", client_secret="another", refresh_token="refresh")
    async with AmazonAdsSimulator(random=random.Random(1), options=options) as simulator:
        deployment.simulator_url = simulator.url

        code, errors = await asyncio.to_thread(run, deployment)

    assert code == 1
    assert len(errors) == 1
    assert "check client_id, client_secret and refresh_token" in errors[0]
    assert "secret'" not in errors[0]


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_busy_port_is_named(deployment: Deployment, busy_port: int) -> None:
    """With the key that chooses another."""
    await deployment.create_source()
    deployment.admin_port = busy_port
    async with AmazonAdsSimulator(random=random.Random(1)) as simulator:
        deployment.simulator_url = simulator.url

        code, errors = await asyncio.to_thread(run, deployment)

    assert code == 1
    assert len(errors) == 1
    assert "admin.port" in errors[0]


def test_an_unknown_key_is_named_with_the_nearest_known_one(deployment: Deployment) -> None:
    """A key that is silently ignored would be a setting that silently isn't."""
    deployment.destination = {"hourly_caps": 5}

    code, errors = run(deployment)

    assert code == 2
    assert len(errors) == 1
    assert "hourly_caps" in errors[0]
    assert "did you mean 'hourly_cap'" in errors[0]
