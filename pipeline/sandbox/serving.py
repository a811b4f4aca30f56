"""What a configuration of one machine names, played: its broker, its partner, its topics.

A configuration that names anything beyond this machine is refused: nobody must think that the
sandbox answers for a real cluster, or for a real partner.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from pipeline.configuration.model import Settings
from pipeline.destinations.contract import DestinationSettings
from pipeline.destinations.registry import PARTNERS
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.topic_plans import kept_topic
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.demo_topics import PARTITIONS, SOURCE_DAYS
from pipeline.sandbox.trouble import SandboxTrouble

HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Places:
    """The ports of this machine that a configuration expects something at."""

    broker: int
    partner: int


def places_of(settings: Settings) -> Places:
    """Where the broker and the partner are to be.

    Raises:
        SandboxTrouble: one of them is not on this machine, or the partners are at several ports.
    """
    servers = settings.kafka.bootstrap_servers
    host, _, port = servers.rpartition(":")
    if host not in HERE:
        raise SandboxTrouble(
            f"kafka.bootstrap_servers: {servers} is not one port of localhost, so the sandbox "
            "does not play it"
        )
    partners = {
        _partner_port(f"destinations.{name}.{key}", url)
        for name, destination in settings.destinations.items()
        for key, url in _addresses(destination)
    }
    if len(partners) != 1:
        raise SandboxTrouble("destinations: api_url and token_url name several ports; give one")
    return Places(int(port), partners.pop())


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
            f"{key}: {url} is not a port of localhost, so the sandbox does not play it"
        )
    return parts.port


@asynccontextmanager
async def partner_at(port: int, random: Random) -> AsyncIterator[AmazonAdsSimulator]:
    """The simulated partner: it takes any login, and any audience of the configuration.

    Raises:
        SandboxTrouble: the port is taken.
    """
    options = SimulatorOptions()
    simulator = AmazonAdsSimulator(options=options, random=random, host="localhost", port=port)
    try:
        await simulator.__aenter__()
    except OSError as error:
        raise SandboxTrouble(
            f"destinations: cannot listen on port {port} ({error.strerror}); end what does, or "
            "choose another"
        ) from None
    try:
        yield simulator
    finally:
        await simulator.__aexit__(None, None, None)


async def create_sources(settings: Settings) -> None:
    """Make the source topics, which an upstream would have made.

    Raises:
        ClusterTrouble, TopicTrouble: the broker cannot be reached, or forbids it.
    """
    kafka = settings.kafka
    async with admin_client(client_options(kafka), kafka.startup_timeout_seconds) as admin:
        plans = [kept_topic(source.topic, PARTITIONS, SOURCE_DAYS) for source in settings.sources]
        await Topics(admin, None).create(plans)
