"""Amazon's side of the sandbox: what a configuration names, as if somebody had made it before."""

from collections.abc import Mapping
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import takes_snapshots
from pipeline.destinations.contract import TargetSettings
from pipeline.sandbox.amazon_ads.audiences import Audience
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.amazon_ads.vocabulary import LONGEST_TTL_SECONDS


def know_configured(simulator: AmazonAdsSimulator, settings: Settings) -> None:
    """Every connection of the configuration, and every audience of it that has an id."""
    for audience in settings.audiences:
        for target in audience.destinations:
            if not takes_snapshots(settings, target):
                _know(simulator, settings, target, audience.audience)


def _know(
    simulator: AmazonAdsSimulator, settings: Settings, target: TargetSettings, name: str
) -> None:
    where: Mapping[str, Any] = settings.destinations[target.destination].model_dump()
    said: Mapping[str, Any] = target.model_dump()
    if said["connection_id"] is not None:
        simulator.know_connection(said["connection_id"], client_id=where["client_id"])
    if said["audience_id"] is not None:
        ttl = said["ttl_seconds"]
        simulator.know_audience(
            Audience(
                audience_id=said["audience_id"],
                name=said["name"] or name,
                description=said["description"] or "",
                external_id=said["external_audience_id"] or name,
                connection=said["connection_id"],
                advertiser=said["advertiser_id"],
                country=said["country"] or where["country"],
                ttl=LONGEST_TTL_SECONDS if ttl is None else ttl,
                fees=None,
            )
        )
