"""Simulates the broker, the partners and the topics that a configuration names.

A configuration with an address outside this machine is refused, so that nobody mistakes the sandbox
for a real cluster or partner.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations
from pipeline.destinations.contract import DestinationSettings
from pipeline.destinations.registry import PARTNERS
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.topic_plans import kept_topic
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.sandbox.adobe_audiences.options import SimulatorOptions as AdobeOptions
from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_partner import configured_audiences, files_of
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.amazon_partner import know_configured
from pipeline.sandbox.demo_topics import PARTITIONS, SOURCE_DAYS
from pipeline.sandbox.trouble import SandboxTrouble

HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Places:
    """The ports of this machine that a configuration uses."""

    broker: int
    amazon: int | None
    """The port of all destinations at Amazon; None if there are none."""
    adobe: Mapping[str, int]
    """The port of each destination at Adobe."""


def places_of(settings: Settings) -> Places:
    """The ports of the broker and the partners.

    Raises:
        SandboxTrouble: an address is not on this machine, or partners share a port.
    """
    servers = settings.kafka.bootstrap_servers
    host, _, port = servers.rpartition(":")
    if host not in HERE:
        raise SandboxTrouble(
            f"kafka.bootstrap_servers: {servers} is not one port of localhost, so the sandbox "
            "cannot simulate it"
        )
    ports = {name: _port_of(settings, name) for name in settings.destinations}
    adobe = {name: ports.pop(name) for name in snapshot_destinations(settings)}
    amazon = set(ports.values())
    if len(amazon) > 1 or len({*amazon, *adobe.values()}) < len(amazon) + len(adobe):
        raise SandboxTrouble(
            "destinations: use one port for all destinations at Amazon, and another one for each "
            "destination at Adobe"
        )
    return Places(int(port), min(amazon, default=None), adobe)


def _port_of(settings: Settings, name: str) -> int:
    ports = {
        _partner_port(f"destinations.{name}.{key}", url)
        for key, url in _addresses(settings.destinations[name])
    }
    if len(ports) != 1:
        raise SandboxTrouble(
            f"destinations.{name}: api_url and token_url name several ports; give one"
        )
    return ports.pop()


def _addresses(destination: DestinationSettings) -> Sequence[tuple[str, str]]:
    partner = PARTNERS[destination.kind]
    return (
        ("api_url", partner.base_url(destination)),
        ("token_url", partner.login(destination).url),
    )


def _partner_port(key: str, url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in HERE or parts.port is None:
        raise SandboxTrouble(
            f"{key}: {url} is not a port of localhost, so the sandbox cannot simulate it"
        )
    return parts.port


@asynccontextmanager
async def partners_at(
    places: Places, settings: Settings, random: Random
) -> AsyncIterator[Sequence[str]]:
    """Open every simulated partner at its URL, with any login and the configured audiences.

    Raises:
        SandboxTrouble: a port is in use, or Adobe's storage is not on this machine.
    """
    async with AsyncExitStack() as stack:
        urls = []
        if places.amazon is not None:
            # Like the real partner, accept unknown audiences; their jobs then fail.
            options = SimulatorOptions(accept_any_audience=False)
            amazon = AmazonAdsSimulator(
                options=options, random=random, host="localhost", port=places.amazon
            )
            know_configured(amazon, settings)
            await _open(stack, amazon, places.amazon)
            urls.append(amazon.url)
        for name, port in places.adobe.items():
            adobe = _adobe(settings, name, port, random)
            await _open(stack, adobe, port)
            urls.append(adobe.url)
        yield urls


def _adobe(settings: Settings, name: str, port: int, random: Random) -> AdobeSimulator:
    simulator = AdobeSimulator(
        files=files_of(settings, name),
        options=AdobeOptions(contract=settings.destinations[name].model_dump()["contract"]),
        random=random,
        host="localhost",
        port=port,
    )
    for audience_id, definition in configured_audiences(settings, name):
        simulator.know(audience_id, definition)
    return simulator


async def _open(
    stack: AsyncExitStack, simulator: AmazonAdsSimulator | AdobeSimulator, port: int
) -> None:
    try:
        await stack.enter_async_context(simulator)
    except OSError as error:
        raise SandboxTrouble(
            f"destinations: cannot listen on port {port} ({error.strerror}); stop the program "
            "that uses it, or choose another port"
        ) from None


async def create_sources(settings: Settings) -> None:
    """Create the source topics, as an upstream would.

    Raises:
        ClusterTrouble, TopicTrouble: the broker cannot be reached, or forbids it.
    """
    kafka = settings.kafka
    async with admin_client(client_options(kafka), kafka.startup_timeout_seconds) as admin:
        plans = [kept_topic(source.topic, PARTITIONS, SOURCE_DAYS) for source in settings.sources]
        await Topics(admin, None).create(plans)
