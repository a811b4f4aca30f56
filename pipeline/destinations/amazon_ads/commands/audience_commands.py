"""The commands `audiences` for Amazon: create, show and update."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_TTL_SECONDS,
    Audience,
    AudienceUpdate,
    Fee,
    NewAudience,
    compose_create,
    compose_show,
    compose_update,
    interpret_create,
    interpret_show,
    interpret_update,
)
from pipeline.destinations.amazon_ads.requests import LARGEST_ID
from pipeline.destinations.asking import learn
from pipeline.destinations.control import (
    Api,
    Block,
    Command,
    CommandFailed,
    Group,
    InvalidRequest,
    Parameter,
)
from pipeline.destinations.made_audience import made_lines
from pipeline.identity.countries import country_code

ANOTHER_AUDIENCE = "the partner answered about another audience; nothing was changed"
GROUP = Group("audiences", "The audiences at the partner.")
AudienceNumber = Annotated[int, Parameter(is_argument=True, least=1, most=LARGEST_ID)]
Ttl = Annotated[
    int | None,
    Parameter(help=f"Seconds a member stays, 0 to {LONGEST_TTL_SECONDS} (397 days, the default)."),
]
Fees = Annotated[
    Sequence[str],
    Parameter(flag="--fee", help="Cost per thousand impressions as CURRENCY=CENTS; repeatable."),
]


@dataclass(frozen=True, slots=True)
class MadeAudience:
    """A new audience, and the target that the configuration needs for it."""

    audience_id: int
    external_audience_id: str | None
    audience: str
    """The name that upstream events use."""
    target: Mapping[str, object]


async def create_audience(
    api: Api,
    *,
    name: Annotated[str, Parameter(help="10 to 128 characters; it can never change.")],
    external_id: Annotated[
        str, Parameter(help="The name that upstream events use; it can never change.")
    ],
    description: Annotated[str, Parameter(help="At most 1000 characters.")] = "",
    connection: Annotated[
        str | None, Parameter(help="A connection_id: reaches AMC, and also DSP.")
    ] = None,
    advertiser: Annotated[
        int | None, Parameter(help="An advertiser_id instead: reaches only DSP.")
    ] = None,
    ttl: Ttl = None,
    country: Annotated[
        str | None, Parameter(help="The country where the data was collected, two letters.")
    ] = None,
    fee: Fees = (),
) -> MadeAudience:
    """Create one audience; prints its id and the lines that the configuration needs."""
    audience = NewAudience(
        name=name,
        external_audience_id=external_id,
        description=description,
        connection_id=connection,
        advertiser_id=advertiser,
        ttl=ttl,
        country_code=_country(country),
        fees=_fees(fee),
    )
    made = await learn(api, compose_create(audience), interpret_create)
    target = _target(api.destination, audience, made.audience_id)
    return MadeAudience(made.audience_id, made.external_audience_id, external_id, target)


async def show_audience(api: Api, *, audience_id: AudienceNumber) -> Audience:
    """Show one audience and the partner's count of its members."""
    return await learn(api, compose_show(audience_id), interpret_show)


async def update_audience(
    api: Api,
    *,
    audience_id: AudienceNumber,
    description: Annotated[str | None, Parameter(help="At most 1000 characters.")] = None,
    ttl: Ttl = None,
    fee: Fees = (),
) -> Audience:
    """Change the given values of an audience; all other values stay."""
    update = AudienceUpdate(description=description, ttl=ttl, fees=_fees(fee))
    standing = await learn(api, compose_show(audience_id), interpret_show)
    if standing.audience_id not in (None, audience_id):
        raise CommandFailed(ANOTHER_AUDIENCE)
    request = compose_update(audience_id, update.completed(standing))
    return await learn(api, request, interpret_update)


def _country(written: str | None) -> str | None:
    code = country_code(written) if written is not None else None
    if written is not None and code is None:
        raise InvalidRequest("--country: give an ISO 3166 alpha-2 code such as US")
    return code


def _fees(written: Sequence[str]) -> tuple[Fee, ...]:
    return tuple(map(_fee, written))


def _fee(written: str) -> Fee:
    currency, _, cents = written.partition("=")
    try:
        amount = float(cents)
    except ValueError:
        amount = float("nan")
    if not isfinite(amount):
        raise InvalidRequest("--fee: write it like USD=150, which is 1.50 dollars")
    return Fee(currency.strip().upper(), int(amount) if amount.is_integer() else amount)


def _target(destination: str, audience: NewAudience, audience_id: int) -> Mapping[str, object]:
    """The target as the configuration needs it under `destinations` of the audience."""
    way: dict[str, object] = {"advertiser_id": audience.advertiser_id}
    if audience.connection_id:
        way = {"connection_id": audience.connection_id, "target_types": ["DSP"]}
    country = {"country": audience.country_code} if audience.country_code else {}
    return {"destination": destination, "audience_id": audience_id} | way | country


def _made(made: MadeAudience) -> Sequence[Block]:
    return made_lines(made.audience_id, made.audience, made.target)


def _facts(audience: Audience) -> Sequence[Block]:
    return [
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
    ]


def _counted(size: float | None) -> object:
    return "not counted yet" if size == -1 else size


AUDIENCE_COMMANDS = (
    Command(group=GROUP, name="create", run=create_audience, shown=_made),
    Command(group=GROUP, name="show", run=show_audience, shown=_facts),
    Command(group=GROUP, name="update", run=update_audience, shown=_facts),
)
