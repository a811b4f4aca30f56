"""`sandbox --serve` plays what a configuration names on this machine, and nothing beyond it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import aiohttp
import pytest

from pipeline.configuration.load import load_with_lock, settings_from
from pipeline.configuration.model import Settings
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.audiences.reconciling import plan_configured
from pipeline.operations.event_reading import ReadEvent
from pipeline.operations.partner_api import partner_apis
from pipeline.sandbox.invented_traffic import traffic_for, write_steadily
from pipeline.sandbox.server_process import free_port
from pipeline.sandbox.serving import Places, partners_at, places_of
from pipeline.sandbox.trouble import SandboxTrouble
from pipeline.sources import native
from tests.configuration.test_example_files import Example
from tests.fakes.virtual_loop import run_virtual
from tests.sandbox.adobe_client import HEADERS
from tests.sandbox.amazon_client import AUDIENCES, RECORDS, record
from tests.sandbox.test_adobe_gate import LOGIN

HERE = "http://localhost:8080"


def local() -> Example:
    example = Example().put("kafka.bootstrap_servers", "localhost:9092")
    example.put("destinations.amazon-na.api_url", HERE)
    return example.put("destinations.amazon-na.token_url", f"{HERE}/auth/o2/token")


def with_adobe(files: Path, port: int = 8081) -> Example:
    """
    The same with an audience of Adobe's, whose simulator has a port of its own.
    """
    url = f"http://localhost:{port}"
    destination = {
        "kind": "adobe_external_audiences",
        "api_url": f"{url}/data/core/ais",
        "token_url": f"{url}/ims/token/v3",
        "org_id": "org@AdobeOrg",
        "client_id": "client",
        "client_secret": "secret",
        "storage": {"kind": "folder", "path": str(files)},
        "base_connection_id": "connection",
        "contract": "draft",
    }
    target = {
        "destination": "adobe-demo",
        "external_audience_id": "a-1",
        "identity": {"namespace": "crm", "from": "member_id"},
    }
    example = local().put("destinations.adobe-demo", destination)
    return example.put("audiences.0.destinations.1", target)


def settings_of(example: Example) -> Settings:
    return settings_from(example.document, Path())


def test_broker_and_partner_come_up_where_the_configuration_looks_for_them() -> None:
    assert places_of(settings_of(local())) == Places(broker=9092, amazon=8080, adobe={})
    assert places_of(settings_of(with_adobe(Path("/files")))) == Places(
        broker=9092, amazon=8080, adobe={"adobe-demo": 8081}
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("kafka.bootstrap_servers", "kafka-1.example.com:9092", "is not one port of localhost"),
        ("kafka.bootstrap_servers", "localhost:9092,localhost:9093", "is not one port"),
        ("destinations.amazon-na.api_url", "http://partner.example.com:8080", "api_url"),
        ("destinations.amazon-na.api_url", "http://localhost:8081", "several ports"),
        ("destinations.amazon-na.token_url", "https://localhost:8080/token", "token_url"),
    ],
)
def test_a_real_cluster_or_partner_is_never_played(key: str, value: str, said: str) -> None:
    with pytest.raises(SandboxTrouble, match=said):
        places_of(settings_of(local().put(key, value)))


async def test_a_port_that_is_taken_is_named() -> None:
    settings, places = settings_of(local()), Places(broker=9092, amazon=free_port(), adobe={})
    async with partners_at(places, settings, Random(1)):
        with pytest.raises(SandboxTrouble, match=f"port {places.amazon}"):
            async with partners_at(places, settings, Random(1)):
                pass


async def test_amazon_is_served_with_the_connections_and_audiences_of_the_configuration(
    tmp_path: Path,
) -> None:
    """
    So that `check --online` and `audiences plan` find what the events go to.
    """
    here = f"http://localhost:{free_port()}"
    example = local().put("destinations.amazon-na.api_url", here)
    example.put("destinations.amazon-na.token_url", f"{here}/auth/o2/token")
    by_advertiser = {"destination": "amazon-na", "advertiser_id": 7, "audience_id": 2}
    example.put("audiences.0.destinations.1", by_advertiser)
    configuration = load_with_lock(example.write(tmp_path), {})
    settings = configuration.settings

    async with (
        partners_at(places_of(settings), settings, Random(1)),
        partner_apis(settings) as apis,
    ):
        found = await PARTNERS["amazon_ads"].check_online(
            apis["amazon-na"],
            settings.destinations["amazon-na"],
            settings.audiences[0].destinations,
        )
        plan = await plan_configured(configuration, None)

    assert [one.text for one in found if one.is_bad] == []
    assert [one.step.what for one in plan] == ["keep", "keep"]


async def test_amazon_takes_records_of_an_unknown_audience_and_gives_them_no_member() -> None:
    """
    So that a wrong `audience_id` shows here what it shows at the real partner.
    """
    places = Places(broker=9092, amazon=free_port(), adobe={})
    async with (
        partners_at(places, settings_of(local()), Random(1)) as [url],
        aiohttp.ClientSession() as http,
    ):
        login = {"client_id": "client", "client_secret": "any", "refresh_token": "any"}
        login["grant_type"] = "refresh_token"
        async with http.post(f"{url}/auth/o2/token", data=login) as said:
            token = (await said.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": AUDIENCES}
        headers["Amazon-Advertising-API-ClientId"] = "client"
        target = {"connectionId": "connection-1", "targetTypes": ["DSP"]}
        body = {"audienceId": 99, "records": [record("a")], "targetResource": target}
        async with http.post(url + RECORDS, json=body, headers=headers) as said:
            taken = said.status
        async with http.get(f"{url}/__simulator__/membership") as said:
            members = await said.text()

    assert taken == 202
    assert members == ""


async def test_adobe_is_served_with_the_audiences_and_in_the_generation_of_the_configuration(
    tmp_path: Path,
) -> None:
    """
    So that nobody has to create them first.
    """
    settings = settings_of(with_adobe(tmp_path, free_port()))
    places = replace(places_of(settings), amazon=None)
    headers = HEADERS | {"Content-Type": "application/json"}
    async with partners_at(places, settings, Random(1)) as [url], aiohttp.ClientSession() as http:
        origin = url.removesuffix("/data/core/ais")
        async with http.post(f"{origin}/ims/token/v3", data=LOGIN) as said:
            token = (await said.json())["access_token"]
        headers |= {"Authorization": f"Bearer {token}"}
        async with http.post(
            f"{url}/external-audience/a-1/run", json={"dataFilterStartTime": 1}, headers=headers
        ) as said:
            started = said.status

    assert started == 200


async def test_adobe_whose_files_are_stored_elsewhere_is_not_served(tmp_path: Path) -> None:
    place = {"kind": "s3", "bucket": "files"}
    settings = settings_of(with_adobe(tmp_path).put("destinations.adobe-demo.storage", place))

    with pytest.raises(SandboxTrouble, match=r"adobe-demo\.storage: is not of kind folder"):
        async with partners_at(Places(9092, None, {"adobe-demo": 1}), settings, Random(1)):
            pass


def test_each_of_adobes_destinations_has_a_port_of_its_own() -> None:
    with pytest.raises(SandboxTrouble, match="another one for each destination at Adobe"):
        places_of(settings_of(with_adobe(Path("/files"), port=8080)))


def test_invented_events_are_about_the_audiences_of_the_configuration() -> None:
    traffic = traffic_for(settings_of(local()), 50, Random(1), 0)

    read = [native.read(event.value) for event in traffic.events(200)]

    named = {
        one.audience for changes in read if isinstance(changes, list | tuple) for one in changes
    }
    assert "vip" in named


def test_so_many_events_a_second_are_written_until_it_is_told_to_stop() -> None:
    written: list[tuple[float, int]] = []

    async def run() -> int:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        async def write(events: Iterator[ReadEvent]) -> int:
            count = len(list(events))
            written.append((loop.time(), count))
            return count

        loop.call_later(3.5, stop.set)
        traffic = traffic_for(settings_of(local()), 50, Random(1), 0)
        return await write_steadily(traffic, write, per_second=20, stop=stop)

    assert run_virtual(run()) == 80
    assert [count for _, count in written] == [20, 20, 20, 20]
