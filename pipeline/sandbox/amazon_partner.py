"""Amazon's side of the sandbox: takes the audiences of a configuration, and shows the results."""

from collections.abc import Mapping
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import takes_snapshots
from pipeline.destinations.contract import TargetSettings
from pipeline.domain.change import Action
from pipeline.sandbox.amazon_ads.audiences import Audience
from pipeline.sandbox.amazon_ads.connections import KnownConnection
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.amazon_ads.vocabulary import LONGEST_TTL_SECONDS
from pipeline.sandbox.reconciliation import Held, Member


def know_configured(simulator: AmazonAdsSimulator, settings: Settings) -> None:
    """Add every connection of the configuration, and every audience with an id, from the start."""
    for audience in settings.audiences:
        for target in audience.destinations:
            if not takes_snapshots(settings, target):
                _know(simulator, settings, target, audience.audience)


def held_by(simulator: AmazonAdsSimulator, cap: int) -> Held:
    """The present state at the partner, for the comparison."""
    totals = simulator.totals()
    last_invalid, invalid = _named_invalid(simulator)
    return Held(
        membership=simulator.membership(),
        last_invalid=last_invalid,
        invalid=invalid,
        largest_windows={
            target: window["largest"] for target, window in simulator.windows().items()
        },
        cap=cap,
        overlapping_requests=totals["overlapping_requests"],
        repeated_in_request=totals["repeated_in_request"],
        unreadable_requests=totals["unreadable_requests"],
        polls_after_end=totals["polls_after_end"],
    )


def _know(
    simulator: AmazonAdsSimulator, settings: Settings, target: TargetSettings, name: str
) -> None:
    where: Mapping[str, Any] = settings.destinations[target.destination].model_dump()
    said: Mapping[str, Any] = target.model_dump()
    if said["connection_id"] is not None:
        simulator.know(KnownConnection(said["connection_id"], where["client_id"]))
    if said["audience_id"] is not None:
        ttl = said["ttl_seconds"]
        simulator.know(
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


def _named_invalid(simulator: AmazonAdsSimulator) -> tuple[dict[Member, Action], set[Member]]:
    """Members whose last change a job called invalid, and members with any invalid change."""
    last: dict[Member, Action] = {}
    ever: set[Member] = set()
    members = simulator.members()
    for one in members.unapplied():
        if one.reason != "invalid":
            continue
        member = (one.audience, one.member)
        ever.add(member)
        taken = members.history(*member)
        if not taken or taken[-1].sequence < one.sequence:
            last[member] = one.action
    return last, ever
