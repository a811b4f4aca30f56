"""`accounts`, `instances`, `profiles`, `advertisers`: what the login can see and connect."""

from typing import Annotated, TypeVar

import typer

from pipeline.cli.ending import CommandTrouble
from pipeline.cli.options import AsJson, ConfigFile, DestinationName
from pipeline.cli.showing import show_json, show_table
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
from pipeline.operations.partner import Listing, Partner, destination

accounts_app = typer.Typer(help="AMC accounts of the login.", no_args_is_help=True)
instances_app = typer.Typer(help="AMC instances of the login.", no_args_is_help=True)
profiles_app = typer.Typer(help="Advertising profiles of the login.", no_args_is_help=True)
advertisers_app = typer.Typer(help="DSP advertisers of the login.", no_args_is_help=True)

Item = TypeVar("Item")


@accounts_app.command("list")
def list_accounts(
    config: ConfigFile, destination_name: DestinationName = None, as_json: AsJson = False
) -> None:
    """List AMC accounts, with the marketplace that goes with each."""
    found = destination(config, destination_name).ask(_accounts)
    _say_if_cut_off(found)
    if as_json:
        show_json(found.items)
        return
    show_table(
        ("account_id", "account_name", "marketplace_id"),
        ((one.account_id, one.account_name, one.marketplace_id) for one in found.items),
        "the login sees no AMC account: have its person invited to one",
    )


@instances_app.command("list")
def list_instances(
    config: ConfigFile,
    account: Annotated[
        str | None, typer.Option(help="account_id of `accounts list`; all of them if left out.")
    ] = None,
    marketplace: Annotated[
        str | None, typer.Option(help="Its marketplace_id; looked up if left out.")
    ] = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """List AMC instances: of one account, or of every account that the login sees."""
    found = destination(config, destination_name).ask(
        lambda partner: _instances(partner, account, marketplace)
    )
    _say_if_cut_off(found)
    if as_json:
        show_json(found.items)
        return
    show_table(
        ("instance_id", "instance_name", "status", "account_id", "marketplace_id"),
        (
            (
                one.instance_id,
                one.instance_name,
                one.creation_status,
                one.account_id,
                one.marketplace_id,
            )
            for one in found.items
        ),
        "no AMC instance: one is made in the AMC console",
    )


@profiles_app.command("list")
def list_profiles(
    config: ConfigFile, destination_name: DestinationName = None, as_json: AsJson = False
) -> None:
    """List the profiles of the region; DSP advertisers are found under those of type agency."""
    found = destination(config, destination_name).ask(_profiles)
    if as_json:
        show_json(found.items)
        return
    show_table(
        ("profile_id", "type", "name", "country", "account_id", "marketplace_id"),
        (
            (
                one.profile_id,
                one.account_type,
                one.account_name,
                one.country_code,
                one.account_id,
                one.marketplace_id,
            )
            for one in found.items
        ),
        "no profile in this region: profiles are listed by region, so check `region`",
    )


@advertisers_app.command("list")
def list_advertisers(
    config: ConfigFile,
    profile: Annotated[
        int | None,
        typer.Option(min=1, help="profile_id of an agency profile; all of them if left out."),
    ] = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """List DSP advertisers: of one agency profile, or of every one that the login sees."""
    found = destination(config, destination_name).ask(
        lambda partner: _advertisers(partner, profile)
    )
    _say_if_cut_off(found)
    if as_json:
        show_json(found.items)
        return
    show_table(
        ("advertiser_id", "name", "country", "currency", "profile_id"),
        (
            (one.advertiser_id, one.name, one.country, one.currency, one.profile_id)
            for one in found.items
        ),
        "no DSP advertiser under this profile: have the DSP account grant it to the login",
    )


async def _accounts(partner: Partner) -> Listing[Account]:
    return await partner.every(compose_accounts(), interpret_accounts)


async def _profiles(partner: Partner) -> Listing[Profile]:
    return await partner.every(compose_profiles(), interpret_profiles)


async def _instances(
    partner: Partner, account: str | None, marketplace: str | None
) -> Listing[Instance]:
    if account and marketplace:
        return await partner.every(compose_instances(account, marketplace), interpret_instances)
    accounts = (await _accounts(partner)).items
    wanted = [one for one in accounts if account in (None, one.account_id)]
    if account and not wanted:
        raise CommandTrouble(f"--account: the login sees no AMC account {account!r}")
    lists = [
        await partner.every(
            compose_instances(one.account_id, marketplace or one.marketplace_id),
            interpret_instances,
        )
        for one in wanted
        if one.account_id and one.marketplace_id
    ]
    return _joined(lists)


async def _advertisers(partner: Partner, profile: int | None) -> Listing[Advertiser]:
    if profile is not None:
        return await partner.every(compose_advertisers(profile), interpret_advertisers)
    profiles = (await _profiles(partner)).items
    agencies = [one.profile_id for one in profiles if one.account_type == AGENCY and one.profile_id]
    if not agencies:
        raise CommandTrouble(
            f"destinations.{partner.name}: the login has no agency profile in this region, and so "
            "no DSP advertiser: check region, or have the DSP account granted to it"
        )
    return _joined(
        [await partner.every(compose_advertisers(one), interpret_advertisers) for one in agencies]
    )


def _joined(lists: list[Listing[Item]]) -> Listing[Item]:
    items = tuple(item for one in lists for item in one.items)
    return Listing(items, any(one.is_cut_off for one in lists))


def _say_if_cut_off(found: Listing[Item]) -> None:
    if found.is_cut_off:
        typer.echo("the partner has more than it gives out: the list is not whole", err=True)
