"""The audiences of the configuration as the partner has them, and what is to be done about each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.cli.ending import CommandTrouble
from pipeline.configuration.load import Configuration
from pipeline.configuration.lock import AudienceLock
from pipeline.configuration.model import Settings
from pipeline.configuration.targets import PlacedTarget, placed_targets
from pipeline.destinations.amazon_ads.audiences import (
    Audience,
    AudienceUpdate,
    compose_show,
    compose_update,
    interpret_show,
    interpret_update,
)
from pipeline.destinations.amazon_ads.planning import (
    Asked,
    DesiredAudience,
    Found,
    Gone,
    Keep,
    Standing,
    Step,
    Unmade,
    steps,
)
from pipeline.destinations.amazon_ads.replies import Declined
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.operations.partner import Partner


@dataclass(frozen=True, slots=True)
class Planned:
    """One step for one target."""

    placed: PlacedTarget
    step: Step


async def planned(
    configuration: Configuration, partners: Mapping[str, Partner], destination: str | None
) -> list[Planned]:
    """A step at least for each target, in the order of the file; nothing is changed.

    Raises:
        CommandTrouble: the partner does not say how an audience stands.
    """
    settings, lock = configuration.settings, configuration.identities.lock
    plan: list[Planned] = []
    for placed in placed_targets(settings.audiences):
        if destination in (None, placed.key.destination):
            standing = await _standing(placed, lock, partners[placed.key.destination])
            found = steps(desired(placed, settings), standing)
            plan += (Planned(placed, step) for step in found)
    return plan


def desired(placed: PlacedTarget, settings: Settings) -> DesiredAudience:
    """What the configuration says of a target's audience."""
    target, destination = placed.target, settings.destinations[placed.target.destination]
    assert isinstance(target, AmazonTarget)
    assert isinstance(destination, AmazonAdsSettings)
    return DesiredAudience(
        upstream_name=placed.key.audience,
        name=target.name,
        external_audience_id=target.external_audience_id,
        description=target.description,
        ttl=target.ttl_seconds,
        connection_id=target.connection_id,
        advertiser_id=target.advertiser_id,
        country_code=target.country or destination.country,
    )


def is_done(plan: Iterable[Planned]) -> bool:
    """Whether the partner has everything as the configuration says."""
    return all(isinstance(one.step, Keep) for one in plan)


async def described(partner: Partner, audience_id: int) -> Audience | Declined:
    """The audience as the partner describes it, or its refusal.

    Raises:
        CommandTrouble: it did not answer, or about another audience.
    """
    found = await partner.ask(compose_show(audience_id), interpret_show)
    if isinstance(found, Audience) and found.audience_id not in (None, audience_id):
        raise CommandTrouble("the partner answered about another audience; nothing was changed")
    return found


async def updated(partner: Partner, audience_id: int, update: AudienceUpdate) -> Audience:
    """The audience after the change.

    Raises:
        CommandTrouble: it was refused, or not answered.
    """
    standing = await described(partner, audience_id)
    if isinstance(standing, Declined):
        raise partner.trouble(standing)
    request = compose_update(audience_id, update.completed(standing))
    return await partner.learn(request, interpret_update)


async def _standing(placed: PlacedTarget, lock: AudienceLock, partner: Partner) -> Standing:
    made = placed.target.audience()
    if made is None:
        entry = lock.entry(placed.key)
        return Unmade() if entry is None else Asked(entry.asked_at)
    audience_id = int(made)
    match await described(partner, audience_id):
        case Audience() as audience:
            return Found(audience_id, audience)
        case Declined(status=404):
            return Gone(audience_id)
        case Declined() as declined:
            raise partner.trouble(declined)
