"""What `check` says beyond a valid file: advice, and with --online whether the world agrees."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace

from prometheus_client import CollectorRegistry

from pipeline.configuration.advice import advice
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.configuration.targets import placed_targets
from pipeline.destinations.contract import Finding, Partners
from pipeline.destinations.login import Token
from pipeline.destinations.registry import PARTNERS
from pipeline.http.client import PartnerClient
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.operations.clients import opened
from pipeline.operations.cluster_setup import prepare
from pipeline.telemetry.metrics import PrometheusTelemetry


def offline(settings: Settings, partners: Partners = PARTNERS) -> Iterator[Finding]:
    """What a valid configuration means, and what is allowed but may not be meant."""
    found = lanes(settings)
    yield Finding(f"{len(settings.audiences)} audiences, {len(found)} lanes")
    for lane in found:
        yield Finding(f"lane {lane.name}: topic {lane.topic}")
    for line in advice(settings, partners):
        yield Finding(f"warning: {line}")


async def online(settings: Settings, partners: Partners = PARTNERS) -> AsyncIterator[Finding]:
    """Whether the brokers, the topics, the tokens and the terms are as a run needs them."""
    try:
        for difference in await prepare(settings, creates=False):
            yield Finding(f"warning: {difference}")
        yield Finding(f"kafka: reached {settings.kafka.bootstrap_servers}, topics are as needed")
    except (ClusterTrouble, TopicTrouble) as trouble:
        yield Finding(str(trouble), is_bad=True)
    async with opened(
        settings, PrometheusTelemetry(CollectorRegistry()), partners=partners
    ) as clients:
        for name, client in clients.clients.items():
            for finding in await _partner(settings, partners, name, client):
                yield replace(finding, text=f"destinations.{name}: {finding.text}")


async def _partner(
    settings: Settings, partners: Partners, name: str, client: PartnerClient
) -> Sequence[Finding]:
    token = await client.warm_up()
    if not isinstance(token, Token):
        return [Finding(f"no access token: {token.detail}", is_bad=True)]
    destination = settings.destinations[name]
    targets = [
        placed.target
        for placed in placed_targets(settings.audiences)
        if placed.target.destination == name
    ]
    return await partners[destination.kind].check_online(client, destination, targets)
