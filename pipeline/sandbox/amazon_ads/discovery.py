"""The endpoints that list what a customer can connect: all are GET, each pages in its own way."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

from pipeline.sandbox.amazon_ads import shapes
from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.directory import Account, Advertiser, Directory, Instance, Profile
from pipeline.sandbox.amazon_ads.vocabulary import LARGEST_PAGE
from pipeline.sandbox.any_partner.reply import Reply

INSTANCES_WITHOUT_LIMIT = 10
"""The guide says 10, the specification 100; with 10 we find clients that read only one page."""
LAST_START_INDEX = 29_900
PROGRAMS = frozenset(
    {"billing", "campaign", "paymentMethod", "store", "report", "account", "posts"}
)
PROFILE_KINDS = frozenset({"seller", "vendor", "agency"})

Listed = TypeVar("Listed")


class Discovery:
    """Answers requests for the directory."""

    def __init__(self, directory: Directory, page_size: int = LARGEST_PAGE) -> None:
        self._directory = directory
        self._page_size = page_size

    def accounts(self, call: Call) -> Reply:
        page, token = _page(
            self._directory.accounts, call.query.get("nextToken"), self._page_size, "accounts"
        )
        return Reply(200, {"amcAccounts": [_account(one) for one in page], **_next_token(token)})

    def instances(self, call: Call) -> Reply:
        account = call.header("Amazon-Advertising-API-AdvertiserId") or ""
        marketplace = call.header("Amazon-Advertising-API-MarketplaceId") or ""
        known = self._directory.account(account)
        if known is None or known.marketplace_id != marketplace:
            raise Refusal(403, "Not authorized for this account and marketplace")
        limit = shapes.whole_number(
            call.query.get("limit"), "limit", INSTANCES_WITHOUT_LIMIT, 1, LARGEST_PAGE
        )
        own = [one for one in self._directory.instances if one.account_id == account]
        page, token = _page(own, call.query.get("nextToken"), limit, account)
        return Reply(200, {"instances": [_instance(one) for one in page], **_next_token(token)})

    def profiles(self, call: Call) -> Reply:
        _check_word(call, "apiProgram", PROGRAMS)
        _check_word(call, "accessLevel", frozenset({"edit", "view"}))
        _check_word(call, "validPaymentMethodFilter", frozenset({"true", "false"}))
        kinds = set(call.query.get("profileTypeFilter", ",".join(PROFILE_KINDS)).split(","))
        if not kinds <= PROFILE_KINDS:
            raise Refusal(400, "profileTypeFilter must be one of the documented values")
        only_paying = call.query.get("validPaymentMethodFilter") == "true"
        return Reply(
            200,
            [
                _profile(one)
                for one in self._directory.profiles
                if one.kind in kinds and (one.has_payment_method or not only_paying)
            ],
        )

    def advertisers(self, call: Call) -> Reply:
        scope = call.header("Amazon-Advertising-API-Scope") or ""
        profile = self._directory.agency(scope)
        if profile is None:
            raise Refusal(401, "Not authorized to access scope")
        start = shapes.whole_number(
            call.query.get("startIndex"), "startIndex", 0, 0, LAST_START_INDEX
        )
        count = shapes.whole_number(call.query.get("count"), "count", LARGEST_PAGE, 1, LARGEST_PAGE)
        wanted = set(filter(None, call.query.get("advertiserIdFilter", "").split(",")))
        seen = [
            one
            for one in self._directory.advertisers
            if one.profile_id == profile.profile_id and (not wanted or one.advertiser_id in wanted)
        ]
        page = seen[start : start + count]
        return Reply(
            200, {"totalResults": len(seen), "response": [_advertiser(one) for one in page]}
        )


def _page(
    listed: Sequence[Listed], token: str | None, size: int, purpose: str
) -> tuple[Sequence[Listed], str | None]:
    start = _start(token, purpose, len(listed)) if token else 0
    end = start + size
    following = f"{purpose}:{end}".encode()
    more = urlsafe_b64encode(following).decode() if end < len(listed) else None
    return listed[start:end], more


def _start(token: str, purpose: str, length: int) -> int:
    try:
        given, _, start = urlsafe_b64decode(token.encode()).decode().rpartition(":")
    except ValueError:
        raise Refusal(400, "nextToken is not valid") from None
    if given != purpose or not start.isdigit() or int(start) >= length:
        raise Refusal(400, "nextToken is not valid")
    return int(start)


def _next_token(token: str | None) -> dict[str, str]:
    return {} if token is None else {"nextToken": token}


def _check_word(call: Call, name: str, allowed: frozenset[str]) -> None:
    if name in call.query and call.query[name] not in allowed:
        raise Refusal(400, f"{name} must be one of the documented values")


def _account(account: Account) -> object:
    return {
        "accountId": account.account_id,
        "accountName": account.name,
        "marketplaceId": account.marketplace_id,
    }


def _instance(instance: Instance) -> object:
    return {
        "instanceId": instance.instance_id,
        "instanceName": instance.name,
        "customerCanonicalName": instance.name,
        "creationStatus": "COMPLETED",
        "creationDatetime": "2024-01-15T09:30:00Z",
        "s3BucketName": f"amc-{instance.instance_id}",
        "s3BucketRegion": "us-east-1",
        "awsAccountId": "000000000000",
        "dataUploadAwsAccountId": "000000000001",
        "entities": [instance.account_id],
        "apiEndpoint": f"https://{instance.instance_id}.example.com/prod",
        "advertiserTypes": ["DISPLAY"],
    }


def _profile(profile: Profile) -> object:
    return {
        "profileId": profile.profile_id,
        "countryCode": profile.country,
        "currencyCode": profile.currency,
        "timezone": "America/Los_Angeles",
        "accountInfo": {
            "marketplaceStringId": profile.marketplace_id,
            "id": profile.entity_id,
            "type": profile.kind,
            "name": profile.name,
            "validPaymentMethod": profile.has_payment_method,
        },
    }


def _advertiser(advertiser: Advertiser) -> object:
    return {
        "advertiserId": advertiser.advertiser_id,
        "name": advertiser.name,
        "currency": advertiser.currency,
        "url": "https://example.com",
        "country": advertiser.country,
        "timezone": "America/Los_Angeles",
    }
