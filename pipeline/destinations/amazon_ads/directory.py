"""Requests for what a login can see: AMC accounts and instances, profiles, DSP advertisers.

Lists come in pages; each page but the last names the request for the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pipeline.destinations.amazon_ads.replies import Fields, interpreted, objects
from pipeline.destinations.amazon_ads.requests import checked_id, composed
from pipeline.destinations.amazon_ads.terms import CONNECTIONS_TYPE
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

INSTANCES_TYPE = "application/vnd.amcinstances.v1+json"
JSON_TYPE = "application/json"
"""The media type for profiles, which answer 415 to the vendor types of the other services."""
PAGE_LENGTH = 100
"""The largest page of every list; always sent, because the documented defaults disagree."""
LAST_START_INDEX = 29_900
AGENCY = "agency"
"""The type of the profiles that hold DSP advertisers."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list. `is_cut_off`: the partner has more, but no request shows it."""

    items: tuple[Item, ...]
    following: Request | None = None
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AMC account; every request about it needs both its id and its marketplace."""

    account_id: str | None
    account_name: str | None
    marketplace_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An AMC instance, with the account under which it was found."""

    instance_id: str | None
    instance_name: str | None
    account_id: str
    marketplace_id: str
    customer_canonical_name: str | None
    creation_status: str | None
    created_at: str | None
    advertiser_types: tuple[str, ...]
    entities: tuple[str, ...]
    api_endpoint: str | None
    aws_account_id: str | None
    data_upload_aws_account_id: str | None
    s3_bucket_name: str | None
    s3_bucket_region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An advertising account in one country, of the region that was asked."""

    profile_id: int | None
    country_code: str | None
    currency_code: str | None
    timezone: str | None
    daily_budget: int | float | None
    account_id: str | None
    account_name: str | None
    account_type: str | None
    """vendor, seller or agency."""
    marketplace_id: str | None
    valid_payment_method: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertiser:
    """A DSP advertiser, with the agency profile under which it was found."""

    advertiser_id: str | None
    name: str | None
    profile_id: int
    country: str | None
    currency: str | None
    timezone: str | None
    url: str | None


def compose_accounts() -> Request:
    """GET of the first AMC accounts."""
    return composed("accounts", "GET", "/amc/accounts", CONNECTIONS_TYPE)


def interpret_accounts(request: Request, response: Response) -> Page[Account] | Declined:
    return _token_page(request, response, "amcAccounts", _account)


def compose_instances(account_id: str, marketplace_id: str) -> Request:
    """GET of the first instances of one AMC account.

    Raises:
        InvalidRequest: one of the two is blank; the partner requires both as headers.
    """
    if not account_id.strip() or not marketplace_id.strip():
        raise InvalidRequest("instances need an account and its marketplace: give both")
    return composed(
        "instances",
        "GET",
        "/amc/instances",
        INSTANCES_TYPE,
        query={"limit": str(PAGE_LENGTH)},
        headers={
            "Amazon-Advertising-API-AdvertiserId": account_id.strip(),
            "Amazon-Advertising-API-MarketplaceId": marketplace_id.strip(),
        },
    )


def interpret_instances(request: Request, response: Response) -> Page[Instance] | Declined:
    account = request.headers["Amazon-Advertising-API-AdvertiserId"]
    marketplace = request.headers["Amazon-Advertising-API-MarketplaceId"]
    return _token_page(
        request, response, "instances", lambda one: _instance(one, account, marketplace)
    )


def compose_profiles() -> Request:
    """GET of all profiles of the region; it has no pages."""
    return composed("profiles", "GET", "/v2/profiles", JSON_TYPE)


def interpret_profiles(_: Request, response: Response) -> Page[Profile] | Declined:
    return interpreted("profiles", response, _profiles)


def compose_advertisers(profile_id: int) -> Request:
    """GET of the first DSP advertisers of one agency profile."""
    return composed(
        "advertisers",
        "GET",
        "/dsp/advertisers",
        JSON_TYPE,
        query={"startIndex": "0", "count": str(PAGE_LENGTH)},
        headers={"Amazon-Advertising-API-Scope": str(checked_id(profile_id, "profile"))},
    )


def interpret_advertisers(request: Request, response: Response) -> Page[Advertiser] | Declined:
    profile = int(request.headers["Amazon-Advertising-API-Scope"])

    def read(said: object) -> Page[Advertiser] | None:
        if not isinstance(said, dict):
            return None
        found = Fields(said)
        items = tuple(_advertiser(one, profile) for one in found.each("response"))
        start = int(request.query["startIndex"]) + len(items)
        total = found.whole("totalResults")
        is_last = not items or (start >= total if total is not None else len(items) < PAGE_LENGTH)
        if is_last or start > LAST_START_INDEX:
            return Page(items, is_cut_off=not is_last)
        return Page(items, _with(request, startIndex=str(start)))

    return interpreted("advertisers", response, read)


def _token_page(
    request: Request, response: Response, name: str, item: Callable[[Fields], Item]
) -> Page[Item] | Declined:
    def read(said: object) -> Page[Item] | None:
        if not isinstance(said, dict):
            return None
        found = Fields(said)
        token = found.text("nextToken")
        items = tuple(map(item, found.each(name)))
        # A page that names itself as the next one would never end.
        if not token or token == request.query.get("nextToken"):
            return Page(items, is_cut_off=bool(token))
        return Page(items, _with(request, nextToken=token))

    return interpreted(request.endpoint, response, read)


def _with(request: Request, **query: str) -> Request:
    return replace(request, query={**request.query, **query})


def _account(one: Fields) -> Account:
    return Account(
        account_id=one.text("accountId"),
        account_name=one.text("accountName"),
        marketplace_id=one.text("marketplaceId"),
    )


def _instance(one: Fields, account: str, marketplace: str) -> Instance:
    return Instance(
        instance_id=one.text("instanceId"),
        instance_name=one.text("instanceName"),
        account_id=account,
        marketplace_id=marketplace,
        customer_canonical_name=one.text("customerCanonicalName"),
        creation_status=one.text("creationStatus"),
        created_at=one.text("creationDatetime"),
        advertiser_types=one.texts("advertiserTypes"),
        entities=one.texts("entities"),
        api_endpoint=one.text("apiEndpoint"),
        aws_account_id=one.text("awsAccountId"),
        data_upload_aws_account_id=one.text("dataUploadAwsAccountId"),
        s3_bucket_name=one.text("s3BucketName"),
        s3_bucket_region=one.text("s3BucketRegion"),
    )


def _profiles(said: object) -> Page[Profile] | None:
    return Page(tuple(map(_profile, objects(said)))) if isinstance(said, list) else None


def _profile(one: Fields) -> Profile:
    account = one.inner("accountInfo")
    return Profile(
        profile_id=one.whole("profileId"),
        country_code=one.text("countryCode"),
        currency_code=one.text("currencyCode"),
        timezone=one.text("timezone"),
        daily_budget=one.number("dailyBudget"),
        account_id=account.text("id"),
        account_name=account.text("name"),
        account_type=account.text("type"),
        marketplace_id=account.text("marketplaceStringId"),
        valid_payment_method=account.flag("validPaymentMethod"),
    )


def _advertiser(one: Fields, profile: int) -> Advertiser:
    return Advertiser(
        advertiser_id=one.text("advertiserId"),
        name=one.text("name"),
        profile_id=profile,
        country=one.text("country"),
        currency=one.text("currency"),
        timezone=one.text("timezone"),
        url=one.text("url"),
    )
