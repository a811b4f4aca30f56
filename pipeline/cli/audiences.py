"""`audiences`: made at the partner, shown, and changed as far as that is possible."""

from math import isfinite
from typing import Annotated

import typer

from pipeline.app.supervisor import ExitCode
from pipeline.cli.ending import checked, fail
from pipeline.cli.options import AsJson, ConfigFile, DestinationName
from pipeline.cli.showing import show_facts, show_json
from pipeline.destinations.amazon_ads.audiences import (
    Audience,
    AudienceUpdate,
    CreatedAudience,
    Fee,
    NewAudience,
    compose_create,
    compose_show,
    interpret_create,
    interpret_show,
)
from pipeline.destinations.amazon_ads.requests import LARGEST_ID
from pipeline.identity.countries import country_code
from pipeline.operations.audiences.selection import updated
from pipeline.operations.partner import destination

audiences_app = typer.Typer(help="Audiences as the partner keeps them.", no_args_is_help=True)

AudienceId = Annotated[int, typer.Argument(min=1, max=LARGEST_ID)]
Ttl = Annotated[
    int | None,
    typer.Option(help="Seconds a member stays, 0 to 34300800 (397 days, the partner's default)."),
]
Fees = Annotated[
    list[str] | None,
    typer.Option("--fee", help="Cost per thousand impressions as CURRENCY=CENTS; repeatable."),
]


@audiences_app.command("create")
def create_audience(
    config: ConfigFile,
    name: Annotated[str, typer.Option(help="10 to 128 characters; fixed from then on.")],
    external_id: Annotated[
        str, typer.Option(help="The name upstream events use; fixed from then on.")
    ],
    description: Annotated[str, typer.Option(help="At most 1000 characters.")] = "",
    connection: Annotated[
        str | None, typer.Option(help="connection_id: reaches AMC, and DSP too.")
    ] = None,
    advertiser: Annotated[
        int | None, typer.Option(help="advertiser_id instead: reaches DSP alone.")
    ] = None,
    ttl: Ttl = None,
    country: Annotated[
        str | None, typer.Option(help="Where the data was collected, two letters.")
    ] = None,
    fee: Fees = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Make one audience; prints its id and the lines that the configuration needs."""
    audience = checked(
        lambda: NewAudience(
            name=name,
            external_audience_id=external_id,
            description=description,
            connection_id=connection,
            advertiser_id=advertiser,
            ttl=ttl,
            country_code=_country(country),
            fees=_fees(fee),
        )
    )
    where = destination(config, destination_name)
    made = where.ask(lambda partner: partner.learn(compose_create(audience), interpret_create))
    if as_json:
        show_json(made)
    else:
        typer.echo(_made(where.name, audience, made))


@audiences_app.command("show")
def show_audience(
    audience_id: AudienceId,
    config: ConfigFile,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Show one audience and how many members the partner counts."""
    audience = destination(config, destination_name).ask(
        lambda partner: partner.learn(compose_show(audience_id), interpret_show)
    )
    _show(audience, as_json=as_json)


@audiences_app.command("update")
def update_audience(
    audience_id: AudienceId,
    config: ConfigFile,
    description: Annotated[str | None, typer.Option(help="At most 1000 characters.")] = None,
    ttl: Ttl = None,
    fee: Fees = None,
    destination_name: DestinationName = None,
    as_json: AsJson = False,
) -> None:
    """Change what can be changed; what is not given stays as it is."""
    update = checked(lambda: AudienceUpdate(description=description, ttl=ttl, fees=_fees(fee)))
    audience = destination(config, destination_name).ask(
        lambda partner: updated(partner, audience_id, update)
    )
    _show(audience, as_json=as_json)


def _country(written: str | None) -> str | None:
    if written is None:
        return None
    code = country_code(written)
    if code is None:
        fail("--country: give an ISO 3166 alpha-2 code such as US", ExitCode.USAGE)
    return code


def _fees(written: list[str] | None) -> tuple[Fee, ...]:
    return tuple(map(_fee, written or ()))


def _fee(written: str) -> Fee:
    currency, _, cents = written.partition("=")
    try:
        amount = float(cents)
    except ValueError:
        amount = float("nan")
    if not isfinite(amount):
        fail("--fee: write it like USD=150, which is 1.50 dollars", ExitCode.USAGE)
    return Fee(currency.strip().upper(), int(amount) if amount.is_integer() else amount)


def _made(destination_name: str, audience: NewAudience, made: CreatedAudience) -> str:
    way = f"advertiser_id: {audience.advertiser_id}"
    if audience.connection_id:
        way = f"connection_id: {audience.connection_id}, target_types: [DSP]"
    country = f", country: {audience.country_code}" if audience.country_code else ""
    return (
        f"audience made: {made.audience_id}\n"
        "to send members to it, the configuration needs:\n\n"
        "audiences:\n"
        f"  - audience: {audience.external_audience_id}\n"
        "    destinations:\n"
        f"      - {{destination: {destination_name}, audience_id: {made.audience_id}, "
        f"{way}{country}}}"
    )


def _show(audience: Audience, *, as_json: bool) -> None:
    if as_json:
        show_json(audience)
        return
    show_facts(
        {
            "audience_id": audience.audience_id,
            "name": audience.name,
            "description": audience.description,
            "external_audience_id": audience.external_audience_id,
            "advertiser_id": audience.advertiser_id,
            "country_code": audience.country_code,
            "ttl": audience.ttl,
            "fees": tuple(f"{fee.currency} {fee.cpm_cents} cents" for fee in audience.fees),
            "received_records": _counted(audience.size.received_records),
            "id_resolutions": _counted(audience.size.id_resolutions),
            "dsp": _counted(audience.size.dsp),
        }
    )


def _counted(size: float | None) -> object:
    return "not counted yet" if size == -1 else size
