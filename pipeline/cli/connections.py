"""`connections`: of AMC instances and DSP advertisers, listed, made and removed."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import checked, fail
from pipeline.cli.options import AsJson, ConfigFile, DestinationName
from pipeline.cli.showing import cell, show_facts, show_json, show_table
from pipeline.destinations.amazon_ads.connections import (
    MOST_SHOWN,
    Connection,
    NewConnection,
    compose_create,
    compose_delete,
    compose_delete_all,
    compose_list,
    interpret_create,
    interpret_delete,
    interpret_list,
)
from pipeline.operations.partner import Destination, destination

connections_app = typer.Typer(
    help="Connections of AMC instances and DSP advertisers.", no_args_is_help=True
)
COLUMNS = ("connection_id", "default", "amc_account", "amc_instance", "dsp_advertiser", "modified")


@connections_app.command("list")
def list_connections(
    config: ConfigFile, destination_name: DestinationName = None, as_json: AsJson = False
) -> None:
    """List the connections of the login."""
    found = _all(destination(config, destination_name))
    if len(found) >= MOST_SHOWN:
        typer.echo(f"the partner shows {MOST_SHOWN} at most: there may be more", err=True)
    if as_json:
        show_json(found)
        return
    show_table(COLUMNS, map(_row, found), "no connection yet; make one with `connections create`")


@connections_app.command("show")
def show_connection(
    connection_id: str,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Show everything about one connection."""
    request = compose_list(_given(connection_id))
    found = destination(config, destination_name).ask(
        lambda partner: partner.learn(request, interpret_list)
    )
    named = [one for one in found if one.connection_id == connection_id]
    if not named:
        fail(f"no connection {cell(connection_id)}: see `connections list`")
    if as_json:
        show_json(named[0])
    else:
        show_facts(asdict(named[0]))


@connections_app.command("create")
def create_connection(
    config: ConfigFile,
    amc_account: Annotated[str | None, typer.Option(help="account_id of `instances list`.")] = None,
    amc_marketplace: Annotated[
        str | None, typer.Option(help="marketplace_id of `instances list`.")
    ] = None,
    amc_instance: Annotated[
        str | None, typer.Option(help="instance_id of `instances list`.")
    ] = None,
    dsp_advertiser: Annotated[
        str | None, typer.Option(help="advertiser_id of `advertisers list`.")
    ] = None,
    dsp_profile: Annotated[
        str | None, typer.Option(help="profile_id of `advertisers list`.")
    ] = None,
    connection_id: Annotated[
        str | None, typer.Option(help="An id of your own; the partner makes one up otherwise.")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Make it the default one of the login.")
    ] = False,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Connect an AMC instance, a DSP advertiser, or both; prints the id."""
    connection = checked(
        lambda: NewConnection(
            amc_account_id=amc_account,
            amc_account_marketplace_id=amc_marketplace,
            amc_instance_id=amc_instance,
            dsp_advertiser_id=dsp_advertiser,
            dsp_profile_id=dsp_profile,
            connection_id=connection_id,
            is_default=default,
        )
    )
    made = destination(config, destination_name).ask(
        lambda partner: partner.learn(compose_create(connection), interpret_create)
    )
    if as_json:
        show_json({"connection_id": made})
    else:
        typer.echo(f"connection made: {cell(made)}")


@connections_app.command("delete")
def delete_connection(
    config: ConfigFile,
    connection_id: Annotated[str | None, typer.Argument()] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every connection of the login, whoever made it.")
    ] = False,
    destination_name: DestinationName = None,
) -> None:
    """Remove one connection; with --all and a typed confirmation, every one of the login."""
    if every and connection_id is None:
        _delete_all(destination(config, destination_name))
        return
    if every or connection_id is None:
        fail("give the id of one connection, or --all for every one of the login", ExitCode.USAGE)
    request = checked(lambda: compose_delete(connection_id))
    destination(config, destination_name).ask(
        lambda partner: partner.learn(request, interpret_delete)
    )
    typer.echo(f"connection removed: {cell(connection_id)}")


def _delete_all(where: Destination) -> None:
    found = _all(where)
    show_table(COLUMNS, map(_row, found), "no connection is shown")
    sentence = f"delete all connections of {where.name}"
    typer.echo(
        "This removes every connection of the login, those above and any that are not shown. "
        "Audiences that use them get no more members.",
        err=True,
    )
    if typer.prompt(f'Type "{sentence}" to do it', err=True) != sentence:
        fail("that was not the sentence, so nothing was removed")
    where.ask(lambda partner: partner.learn(compose_delete_all(), interpret_delete))
    typer.echo(f"all connections of {where.name} removed")


def _all(where: Destination) -> tuple[Connection, ...]:
    return where.ask(lambda partner: partner.learn(compose_list(), interpret_list))


def _given(connection_id: str) -> str:
    if not connection_id.strip():
        fail("the id of the connection is blank: see `connections list`", ExitCode.USAGE)
    return connection_id


def _row(one: Connection) -> tuple[object, ...]:
    return (
        one.connection_id,
        one.is_default,
        _named(one.amc_account_id, one.amc_account_name),
        _named(one.amc_instance_id, one.amc_instance_name),
        _named(one.dsp_advertiser_id, one.dsp_advertiser_name),
        one.modified_at,
    )


def _named(identifier: str | None, name: str | None) -> str | None:
    return f"{identifier} ({name})" if identifier and name else identifier
