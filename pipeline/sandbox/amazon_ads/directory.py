"""Invented accounts, instances, profiles and advertisers that a login can see; read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An AMC account."""

    account_id: str
    name: str
    marketplace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An AMC instance and the account it belongs to."""

    instance_id: str
    name: str
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An advertising profile; the one of type `agency` leads to DSP advertisers."""

    profile_id: int
    kind: str
    name: str
    entity_id: str
    marketplace_id: str
    country: str = "US"
    currency: str = "USD"
    has_payment_method: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Advertiser:
    """A DSP advertiser and the agency profile it is seen through."""

    advertiser_id: str
    name: str
    profile_id: int
    country: str = "US"
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Everything that exists before a customer creates anything."""

    accounts: Sequence[Account]
    instances: Sequence[Instance]
    profiles: Sequence[Profile]
    advertisers: Sequence[Advertiser]

    def account(self, account_id: str) -> Account | None:
        return next((one for one in self.accounts if one.account_id == account_id), None)

    def instance(self, instance_id: str) -> Instance | None:
        return next((one for one in self.instances if one.instance_id == instance_id), None)

    def advertiser(self, advertiser_id: str) -> Advertiser | None:
        return next((one for one in self.advertisers if one.advertiser_id == advertiser_id), None)

    def agency(self, profile_id: str) -> Profile | None:
        return next(
            (
                one
                for one in self.profiles
                if one.kind == "agency" and str(one.profile_id) == profile_id
            ),
            None,
        )


US_MARKETPLACE = "ATVPDKIKX0DER"
FIRST_ADVERTISER = 585806696618602001
VENDOR = Profile(
    profile_id=3_200_000_000_000_001,
    kind="vendor",
    name="Sample Vendor",
    entity_id="ENTITYVENDOR1",
    marketplace_id=US_MARKETPLACE,
    has_payment_method=False,
)


def sample_directory(
    *, accounts: int = 2, instances: int = 3, advertisers: int = 3, agencies: int = 1
) -> Directory:
    """A directory with these numbers of accounts, instances, agency profiles and advertisers."""
    profiles = list(map(_agency, range(agencies)))
    owners = [profiles[number % agencies] for number in range(advertisers)] if profiles else []
    return Directory(
        accounts=tuple(map(_account, range(accounts))),
        instances=tuple(map(_instance, range(instances))),
        profiles=(*profiles, VENDOR),
        advertisers=tuple(starmap(_advertiser, enumerate(owners))),
    )


def _account(number: int) -> Account:
    return Account(
        account_id=f"ENTITY1{number:012d}",
        name=f"Sample Account {number + 1}",
        marketplace_id=US_MARKETPLACE,
    )


def _instance(number: int) -> Instance:
    return Instance(
        instance_id=f"amcsample{number + 1:03d}",
        name=f"Sample instance {number + 1}",
        account_id=_account(0).account_id,
    )


def _agency(number: int) -> Profile:
    return Profile(
        profile_id=3_100_000_000_000_001 + number,
        kind="agency",
        name=f"Sample Agency {number + 1}",
        entity_id=f"ENTITY{number + 1:013d}",
        marketplace_id=US_MARKETPLACE,
    )


def _advertiser(number: int, agency: Profile) -> Advertiser:
    return Advertiser(
        advertiser_id=str(FIRST_ADVERTISER + number),
        name=f"Sample Advertiser {number + 1}",
        profile_id=agency.profile_id,
    )
