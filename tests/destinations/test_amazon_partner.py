"""Amazon Ads as the destination contract has it."""

import json

import pytest
from pydantic import SecretStr

from pipeline.destinations.amazon_ads.partner import AMAZON_ADS
from pipeline.destinations.amazon_ads.settings import AmazonAdsSettings
from pipeline.destinations.amazon_ads.targets import AmazonTarget
from pipeline.destinations.changes import Changes
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rendered
from pipeline.identity.hashing import IdentityHashes, once_for

CHANGE = MembershipChange("vip", "remove", "u-1", None, [{"email": "ana@example.com"}], None, 0)


def settings(country: str | None = None) -> AmazonAdsSettings:
    return AmazonAdsSettings(
        kind="amazon_ads",
        region="NA",
        client_id="client",
        client_secret=SecretStr("s"),
        refresh_token=SecretStr("r"),
        country=country,
    )


def target(country: str | None = None, advertiser_id: int | None = None) -> AmazonTarget:
    return AmazonTarget(
        destination="amazon-na",
        audience_id=7,
        connection_id=None if advertiser_id else "c-1",
        advertiser_id=advertiser_id,
        country=country,
    )


@pytest.mark.parametrize(
    ("of_target", "of_destination", "sent"),
    [("US", "DE", "US"), (None, "DE", "DE"), (None, None, None)],
)
def test_a_members_country_is_that_of_the_target_or_else_of_the_destination(
    of_target: str | None, of_destination: str | None, sent: str | None
) -> None:
    render = AMAZON_ADS.renderer(settings(of_destination), target(of_target))

    rendered = render(CHANGE, once_for(CHANGE.identities))

    assert isinstance(rendered, Rendered)
    assert json.loads(rendered.value).get("countryCode") == sent


def test_a_member_of_two_routes_is_hashed_once() -> None:
    """
    Both routes have the same profile and the same country.
    """
    asked: list[IdentityHashes] = []
    once = once_for(CHANGE.identities)

    def hash_once(hasher: IdentityHashes) -> object:
        asked.append(hasher)
        return once(hasher)

    first = AMAZON_ADS.renderer(settings("US"), target())
    second = AMAZON_ADS.renderer(settings("DE"), target("US"))
    values = [render(CHANGE, hash_once) for render in (first, second)]  # type: ignore[arg-type]

    assert values[0] == values[1]
    assert len(asked) == 2
    assert once(asked[0]) is once(asked[1])


def test_a_lane_is_a_connection_or_an_advertiser() -> None:
    assert target().lane() == "c-1"
    assert target(advertiser_id=9).lane() == "advertiser-9"


def test_what_a_lane_may_send_is_what_the_destination_says() -> None:
    delivery = AMAZON_ADS.delivery(settings(), [target()])

    assert isinstance(delivery, Changes)
    assert (delivery.quota.records, delivery.quota.window) == (15_000_000, 3_600)
    assert (delivery.limits.max_records, delivery.limits.max_bytes) == (6_000, 4_000_000)
    assert delivery.limits.overhead_bytes >= delivery.overhead_bytes("7")
    assert delivery.jobs is not None
