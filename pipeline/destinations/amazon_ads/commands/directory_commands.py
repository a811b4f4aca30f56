"""The commands `accounts`, `instances`, `profiles` and `advertisers`: list what the login sees."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, TypeVar

from pipeline.destinations.amazon_ads.commands.asking import Pages, every
from pipeline.destinations.amazon_ads.directory import (
    AGENCY,
    Account,
    Advertiser,
    Instance,
    Profile,
    compose_accounts,
    compose_advertisers,
    compose_instances,
    compose_profiles,
    interpret_accounts,
    interpret_advertisers,
    interpret_instances,
    interpret_profiles,
)
from pipeline.destinations.control import (
    Api,
    Block,
    Command,
    CommandFailed,
    Group,
    Listing,
    Parameter,
    Table,
)

Item = TypeVar("Item")
CUT_OFF = "the partner has more than it shows: this list is not complete"


async def list_accounts(api: Api) -> Listing[Account]:
    """List AMC accounts, each with its marketplace."""
    return _listing(await every(api, compose_accounts(), interpret_accounts))


async def list_instances(
    api: Api,
    *,
    account: Annotated[
        str | None, Parameter(help="The account_id in `accounts list`; without it, all accounts.")
    ] = None,
    marketplace: Annotated[
        str | None, Parameter(help="The account's marketplace_id; without it, we look it up.")
    ] = None,
) -> Listing[Instance]:
    """List AMC instances of one account, or of every account that the login sees."""
    if account and marketplace:
        request = compose_instances(account, marketplace)
        return _listing(await every(api, request, interpret_instances))
    accounts = (await list_accounts(api)).items
    meant = [one for one in accounts if account in (None, one.account_id)]
    if account and not meant:
        raise CommandFailed(f"--account: the login sees no AMC account {account!r}")
    requests = [
        compose_instances(one.account_id, marketplace or one.marketplace_id)
        for one in meant
        if one.account_id and one.marketplace_id
    ]
    return _joined([await every(api, request, interpret_instances) for request in requests])


async def list_profiles(api: Api) -> Listing[Profile]:
    """List the profiles of the region; DSP advertisers are found under those of type agency."""
    return _listing(await every(api, compose_profiles(), interpret_profiles))


async def list_advertisers(
    api: Api,
    *,
    profile: Annotated[
        int | None,
        Parameter(least=1, help="The profile_id of an agency profile; without it, all profiles."),
    ] = None,
) -> Listing[Advertiser]:
    """List DSP advertisers of one agency profile, or of every one that the login sees."""
    if profile is not None:
        return _listing(await every(api, compose_advertisers(profile), interpret_advertisers))
    profiles = (await list_profiles(api)).items
    agencies = [one.profile_id for one in profiles if one.account_type == AGENCY and one.profile_id]
    if not agencies:
        raise CommandFailed(
            f"destinations.{api.destination}: the login has no agency profile in this region, and "
            "so no DSP advertiser: check region, or ask for access to the DSP account"
        )
    lists = [await every(api, compose_advertisers(one), interpret_advertisers) for one in agencies]
    return _joined(lists)


def _listing(pages: Pages[Item]) -> Listing[Item]:
    return Listing(pages.items, CUT_OFF if pages.is_cut_off else None)


def _joined(lists: Sequence[Pages[Item]]) -> Listing[Item]:
    items = tuple(item for one in lists for item in one.items)
    return _listing(Pages(items, any(one.is_cut_off for one in lists)))


def _table(columns: dict[str, str], nothing: str) -> Callable[[Listing[Any]], Sequence[Block]]:
    """A function that shows a list as a table; `columns` has the field of each heading."""
    read = attrgetter(*columns.values())

    def shown(found: Listing[Any]) -> Sequence[Block]:
        return [Table(tuple(columns), [read(one) for one in found.items], nothing)]

    return shown


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


DIRECTORY_COMMANDS = (
    Command(
        group=Group("accounts", "AMC accounts of the login."),
        name="list",
        run=list_accounts,
        shown=_table(
            _same("account_id", "account_name", "marketplace_id"),
            "the login sees no AMC account: ask for an invitation to one",
        ),
    ),
    Command(
        group=Group("instances", "AMC instances of the login."),
        name="list",
        run=list_instances,
        shown=_table(
            _same("instance_id", "instance_name")
            | {"status": "creation_status"}
            | _same("account_id", "marketplace_id"),
            "no AMC instance: create one in the AMC console",
        ),
    ),
    Command(
        group=Group("profiles", "Advertising profiles of the login."),
        name="list",
        run=list_profiles,
        shown=_table(
            _same("profile_id")
            | {"type": "account_type", "name": "account_name", "country": "country_code"}
            | _same("account_id", "marketplace_id"),
            "no profile in this region: profiles are listed by region, so check `region`",
        ),
    ),
    Command(
        group=Group("advertisers", "DSP advertisers of the login."),
        name="list",
        run=list_advertisers,
        shown=_table(
            _same("advertiser_id", "name", "country", "currency", "profile_id"),
            "no DSP advertiser under this profile: ask the DSP account to give the login access",
        ),
    ),
)
