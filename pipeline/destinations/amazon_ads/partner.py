"""Amazon Ads as one value: the entry of this package in the registry."""

from collections.abc import Sequence
from functools import cache

from pipeline.destinations.amazon_ads.advice import advice
from pipeline.destinations.amazon_ads.commands.all_commands import COMMANDS
from pipeline.destinations.amazon_ads.control_plane import AmazonControlPlane
from pipeline.destinations.amazon_ads.lane import AmazonLane, lane
from pipeline.destinations.amazon_ads.login import AmazonLogin
from pipeline.destinations.amazon_ads.online_check import check_online
from pipeline.destinations.amazon_ads.question_rate import too_few_questions
from pipeline.destinations.amazon_ads.rendering import (
    AMAZON_NAMES,
    ExternalUserId,
    RecordRenderer,
    UnsupportedCountry,
)
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.starting_configuration import (
    STARTING_CONFIGURATION,
    STARTING_DESTINATION,
)
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.contract import Partner, Render
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.consent import ConsentNeeds
from pipeline.identity.hashing import FieldHasher, HashOnce, hashed_id


def _renderer(settings: AmazonAdsSettings, target: AmazonTarget) -> Render:
    renderer = _shared(
        settings.external_user_id,
        settings.unsupported_country,
        frozenset(settings.consent_countries),
        settings.consent.tcf.needs(),
    )
    country = target.country or settings.country

    def render(
        change: MembershipChange, hash_once: HashOnce | None
    ) -> Rendered | Withheld | Rejected:
        return renderer.render(change, country, hash_once)

    return render


@cache
def _shared(
    external_user_id: ExternalUserId,
    unsupported_country: UnsupportedCountry,
    consent_countries: frozenset[str],
    consent_needs: ConsentNeeds,
) -> RecordRenderer:
    """One renderer for all targets with equal settings, because its cache is large."""
    return RecordRenderer(
        external_user_id=external_user_id,
        unsupported_country=unsupported_country,
        consent_countries=consent_countries,
        consent_needs=consent_needs,
        hasher=_hasher(),
    )


@cache
def _hasher() -> FieldHasher:
    """One hasher for all targets, so that a member of two destinations is hashed once."""
    return FieldHasher(AMAZON_NAMES)


def _route(_settings: AmazonAdsSettings, target: AmazonTarget) -> bytes:
    """The target types, for requests after the audience has left the configuration."""
    return ",".join(target.target_types).encode()


def _member_id(settings: AmazonAdsSettings, member: str) -> str:
    return hashed_id(member) if settings.external_user_id == "sha256" else member


def _buffer_bytes(settings: AmazonAdsSettings) -> int:
    return 2 * settings.batch.max_bytes


def _region(settings: AmazonAdsSettings) -> str:
    """The space of audience ids: a region, for any client or proxy."""
    return settings.region


def _delivery(settings: AmazonAdsSettings, targets: Sequence[AmazonTarget]) -> AmazonLane:
    return lane(settings, targets)


def _login(settings: AmazonAdsSettings) -> AmazonLogin:
    return AmazonLogin(settings.token_endpoint(), settings.credentials())


AMAZON_ADS = Partner(
    kind="amazon_ads",
    settings=AmazonAdsSettings,
    target=AmazonTarget,
    base_url=AmazonAdsSettings.api_base,
    login=_login,
    renderer=_renderer,
    route=_route,
    member_id=_member_id,
    delivery=_delivery,
    buffer_bytes=_buffer_bytes,
    problems=too_few_questions,
    advice=advice,
    check_online=check_online,
    audience_space=_region,
    control=AmazonControlPlane,
    commands=COMMANDS,
    title="Amazon Ads",
    starting_destination=STARTING_DESTINATION,
    starting_configuration=STARTING_CONFIGURATION,
    redacts=("amzn1.oa2-cs.", "Atza|", "Atzr|"),
)
