"""What `check` prints for a valid file: warnings; with --online, checks of brokers and partners."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

from pipeline.configuration.advice import advice
from pipeline.configuration.load import Configuration
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, snapshot_destinations, targets_at
from pipeline.destinations.contract import Partners
from pipeline.destinations.control import Api, Finding
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.names import Names
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.operations.cluster_probe import why_unreachable
from pipeline.operations.cluster_setup import Prepared, client_options, prepare
from pipeline.operations.partner_api import partner_apis
from pipeline.operations.sources.topic_inspection import key_evidence
from pipeline.operations.storage_check import storages


def offline(configuration: Configuration, known: Partners = PARTNERS) -> Iterator[Finding]:
    """A summary of a valid configuration, and warnings about settings that may not be meant."""
    settings = configuration.settings
    found = lanes(settings)
    yield Finding(f"{len(settings.audiences)} audiences, {len(found)} lanes")
    for lane in found:
        yield Finding(f"lane {lane.name}: topic {lane.topic}")
    names = Names(settings.kafka.namespace)
    for name in snapshot_destinations(settings):
        yield Finding(f"snapshots of {name}: topics {names.members(name)}, {names.snapshots(name)}")
    for line in advice(settings, known):
        yield Finding(f"warning: {line}")
    for line in configuration.identities.unused(settings):
        yield Finding(f"warning: {line}")
    for line in configuration.identities.outdated(settings):
        yield Finding(f"warning: {line}")


async def online(settings: Settings, known: Partners = PARTNERS) -> AsyncGenerator[Finding, None]:
    """Check that the brokers, topics, partners and storages are as a run needs them."""
    try:
        for finding in _topics(settings, await prepare(settings, creates=False)):
            yield finding
    except ClusterTrouble as trouble:
        why = await why_unreachable(client_options(settings.kafka))
        yield Finding(why or str(trouble), is_bad=True)
    except TopicTrouble as trouble:
        yield Finding(str(trouble), is_bad=True)
    else:
        async for finding in _keys(settings):
            yield finding
    async with partner_apis(settings, known) as apis:
        async for finding in partners(settings, apis, known):
            yield finding
        async for finding in storages(settings, apis, known):
            yield finding


def _topics(settings: Settings, prepared: Prepared) -> Iterator[Finding]:
    for line in [*prepared.differences, *prepared.unread]:
        yield Finding(f"warning: {line}")
    for trouble in prepared.troubles:
        yield Finding(trouble.why, is_bad=True)
    how = "" if prepared.troubles or prepared.unread else ", topics are as needed"
    yield Finding(f"kafka: reached {settings.kafka.bootstrap_servers}{how}")


async def _keys(settings: Settings) -> AsyncIterator[Finding]:
    try:
        found = await key_evidence(settings)
    except ClusterTrouble as trouble:
        yield Finding(str(trouble), is_bad=True)
        return
    for topic, keys in found.items():
        warning = "" if keys.judgement == "not shown" else "warning: "
        yield Finding(f"{warning}sources: {topic}: {keys.sentence()}")


async def partners(
    settings: Settings, apis: Mapping[str, Api], known: Partners = PARTNERS
) -> AsyncIterator[Finding]:
    """Check that every partner knows the audiences and connections of the configuration."""
    for name, destination in settings.destinations.items():
        targets = targets_at(settings, name)
        partner = known[destination.kind]
        for finding in await partner.check_online(apis[name], destination, targets):
            yield finding
