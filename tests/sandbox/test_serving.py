"""`sandbox --serve` plays what a configuration names on this machine, and nothing beyond it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pipeline.configuration.load import settings_from
from pipeline.configuration.model import Settings
from pipeline.operations.event_reading import ReadEvent
from pipeline.sandbox.invented_traffic import traffic_for, write_steadily
from pipeline.sandbox.server_process import free_port
from pipeline.sandbox.serving import Places, partner_at, places_of
from pipeline.sandbox.trouble import SandboxTrouble
from pipeline.sources import native
from tests.configuration.test_example_files import Example
from tests.fakes.virtual_loop import run_virtual

HERE = "http://localhost:8080"


def local() -> Example:
    example = Example().put("kafka.bootstrap_servers", "localhost:9092")
    example.put("destinations.amazon-na.api_url", HERE)
    return example.put("destinations.amazon-na.token_url", f"{HERE}/auth/o2/token")


def settings_of(example: Example) -> Settings:
    return settings_from(example.document, Path())


def test_broker_and_partner_come_up_where_the_configuration_looks_for_them() -> None:
    assert places_of(settings_of(local())) == Places(broker=9092, partner=8080)


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
    port = free_port()
    async with partner_at(port, Random(1)):
        with pytest.raises(SandboxTrouble, match=f"port {port}"):
            async with partner_at(port, Random(1)):
                pass


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
