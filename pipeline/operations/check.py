"""What `check` says beyond a valid file: advice, and with --online whether the world agrees."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp
from prometheus_client import CollectorRegistry

from pipeline.configuration.advice import advice
from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes
from pipeline.destinations.amazon_ads.errors import detail
from pipeline.destinations.amazon_ads.terms import compose_terms, has_accepted
from pipeline.destinations.amazon_ads.tokens import Token, TokenRefused, TokenUnavailable
from pipeline.http.amazon import AmazonClient
from pipeline.http.session import Silent, Unreached
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.topics import TopicTrouble
from pipeline.operations.clients import Partners
from pipeline.operations.cluster_setup import prepare
from pipeline.operations.sources.inspecting import key_evidence
from pipeline.telemetry.metrics import PrometheusTelemetry


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `is_bad` means that a run would not work."""

    text: str
    is_bad: bool = False


def offline(settings: Settings) -> Iterator[Finding]:
    """What a valid configuration means, and what is allowed but may not be meant."""
    found = lanes(settings)
    yield Finding(f"{len(settings.audiences)} audiences, {len(found)} lanes")
    for lane in found:
        yield Finding(f"lane {lane.name}: topic {lane.topic}")
    for line in advice(settings):
        yield Finding(f"warning: {line}")


async def online(settings: Settings) -> AsyncIterator[Finding]:
    """Whether the brokers, the topics, the tokens and the terms are as a run needs them."""
    try:
        for difference in await prepare(settings, creates=False):
            yield Finding(f"warning: {difference}")
        yield Finding(f"kafka: reached {settings.kafka.bootstrap_servers}, topics are as needed")
    except (ClusterTrouble, TopicTrouble) as trouble:
        yield Finding(str(trouble), is_bad=True)
    else:
        async for finding in _keys(settings):
            yield finding
    async with aiohttp.ClientSession() as http:
        partners = Partners(settings, http, PrometheusTelemetry(CollectorRegistry()))
        for name, client in partners.clients.items():
            yield await _partner(f"destinations.{name}", client)


async def _keys(settings: Settings) -> AsyncIterator[Finding]:
    try:
        found = await key_evidence(settings)
    except ClusterTrouble as trouble:
        yield Finding(str(trouble), is_bad=True)
        return
    for topic, keys in found.items():
        warning = "" if keys.judgement == "not shown" else "warning: "
        yield Finding(f"{warning}sources: {topic}: {keys.sentence()}")


async def _partner(key: str, client: AmazonClient) -> Finding:
    token = await client.warm_up()
    if not isinstance(token, Token):
        return Finding(f"{key}: no access token: {token.detail}", is_bad=True)
    answer = await client.call(compose_terms())
    if isinstance(answer, TokenRefused | TokenUnavailable | Silent | Unreached):
        return Finding(f"{key}: the partner does not answer: {answer.detail}", is_bad=True)
    match has_accepted(answer):
        case True:
            return Finding(f"{key}: token granted, terms accepted")
        case False:
            return Finding(
                f"{key}: the AMC terms are not accepted, so uploads to AMC will be refused; the "
                "person who granted access accepts them in AMC",
                is_bad=True,
            )
        case None:
            return Finding(f"{key}: terms: {detail(answer.status, answer.body)}", is_bad=True)
