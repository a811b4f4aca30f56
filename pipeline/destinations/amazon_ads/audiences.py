"""Requests for audiences at the partner: each is for one audience; name and target never change."""

from dataclasses import dataclass, replace
from typing import Final

from pipeline.destinations.amazon_ads.changes import AUDIENCES_TYPE
from pipeline.destinations.amazon_ads.replies import Fields, interpreted
from pipeline.destinations.amazon_ads.requests import checked_id, composed
from pipeline.destinations.control import Declined, InvalidRequest
from pipeline.destinations.exchange import Request, Response

METADATA_PATH = "/amc/audiences/metadata"
SHORTEST_NAME, LONGEST_NAME = 10, 128
LONGEST_DESCRIPTION = 1000
LONGEST_TTL_SECONDS = 34_300_800
"""397 days, also the partner's default."""
_CURRENCIES: Final = "AED AUD CAD CNY EUR GBP INR JPY MXN SAR SEK TRY USD"
CURRENCIES = frozenset(_CURRENCIES.split())


@dataclass(frozen=True, slots=True)
class Fee:
    """The price of a thousand impressions, in cents of the currency."""

    currency: str | None
    cpm_cents: int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAudience:
    """One audience to create, for either a connection or an advertiser.

    Raises InvalidRequest for values that the partner is known to refuse.
    """

    name: str
    external_audience_id: str
    """Our own id of the audience."""
    description: str = ""
    connection_id: str | None = None
    """Reaches AMC, and also DSP if records ask for it."""
    advertiser_id: int | None = None
    """Reaches only DSP."""
    ttl: int | float | None = None
    """Seconds that a member stays after the last add."""
    country_code: str | None = None
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        if not SHORTEST_NAME <= len(self.name) <= LONGEST_NAME:
            raise InvalidRequest(
                f"name must have {SHORTEST_NAME} to {LONGEST_NAME} characters, this has "
                f"{len(self.name)}"
            )
        if not self.external_audience_id:
            raise InvalidRequest("the external id must not be blank")
        if bool(self.connection_id) == (self.advertiser_id is not None):
            raise InvalidRequest("give exactly one of a connection and an advertiser")
        if self.advertiser_id is not None:
            checked_id(self.advertiser_id, "advertiser")
        _check(self.description, self.ttl, self.fees)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceUpdate:
    """The values of an audience that can change; None leaves a value out of the request.

    Raises InvalidRequest for values that the partner is known to refuse, and if all are None.
    """

    description: str | None = None
    ttl: int | float | None = None
    """0 hides the members; a higher value later shows members again that were added recently."""
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        if self.description is None and self.ttl is None and not self.fees:
            raise InvalidRequest("nothing to change: give a description, a ttl or a fee")
        _check(self.description or "", self.ttl, self.fees)

    def completed(self, standing: "Audience") -> "AudienceUpdate":
        """This update with present values instead of None: a PUT may not keep missing values."""
        return replace(
            self,
            description=standing.description if self.description is None else self.description,
            ttl=standing.ttl if self.ttl is None else self.ttl,
            fees=self.fees or standing.fees,
        )


@dataclass(frozen=True, slots=True)
class CreatedAudience:
    """The partner's answer about a newly created audience."""

    audience_id: int
    external_audience_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceSize:
    """The partner's count of members; -1 until it has one."""

    received_records: int | float | None
    id_resolutions: int | float | None
    dsp: int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One audience as the partner describes it; any value may be missing."""

    audience_id: int | None
    name: str | None
    description: str | None
    external_audience_id: str | None
    advertiser_id: int | None
    country_code: str | None
    ttl: int | float | None
    fees: tuple[Fee, ...]
    size: AudienceSize


def compose_create(audience: NewAudience) -> Request:
    """POST of one audience; ids are bare numbers, because the partner refuses quoted ones."""
    metadata: dict[str, object] = {"externalAudienceId": audience.external_audience_id}
    target: dict[str, object] = {"advertiserId": audience.advertiser_id}
    if audience.connection_id:
        target = {"connectionId": audience.connection_id}
    body: dict[str, object] = {
        "name": audience.name,
        "description": audience.description,
        "metadata": metadata | _changeable(audience.ttl, audience.fees),
        "targetResource": target,
    }
    if audience.country_code is not None:
        body["countryCode"] = audience.country_code
    return composed("metadata.create", "POST", METADATA_PATH, AUDIENCES_TYPE, body=body)


def interpret_create(response: Response) -> CreatedAudience | Declined:
    return interpreted("metadata.create", response, _created)


def compose_show(audience_id: int) -> Request:
    """GET of one audience."""
    return composed("metadata", "GET", _path(audience_id), AUDIENCES_TYPE)


def interpret_show(response: Response) -> Audience | Declined:
    return interpreted("metadata", response, _audience)


def compose_update(audience_id: int, update: AudienceUpdate) -> Request:
    """PUT of the changeable values of one audience."""
    body: dict[str, object] = {}
    if update.description is not None:
        body["description"] = update.description
    metadata = _changeable(update.ttl, update.fees)
    if metadata:
        body["metadata"] = metadata
    return composed("metadata.update", "PUT", _path(audience_id), AUDIENCES_TYPE, body=body)


def interpret_update(response: Response) -> Audience | Declined:
    return interpreted("metadata.update", response, _audience)


def _path(audience_id: int) -> str:
    return f"{METADATA_PATH}/{checked_id(audience_id, 'audience')}"


def _check(description: str, ttl: float | None, fees: tuple[Fee, ...]) -> None:
    if len(description) > LONGEST_DESCRIPTION:
        raise InvalidRequest(f"description must have at most {LONGEST_DESCRIPTION} characters")
    if ttl is not None and not 0 <= ttl <= LONGEST_TTL_SECONDS:
        raise InvalidRequest(f"ttl must be 0 to {LONGEST_TTL_SECONDS} seconds (397 days)")
    if len(fees) > len(CURRENCIES) or len({fee.currency for fee in fees}) < len(fees):
        raise InvalidRequest("give at most one fee for each currency")
    for fee in fees:
        if fee.currency not in CURRENCIES:
            raise InvalidRequest(f"a fee's currency must be one of {', '.join(sorted(CURRENCIES))}")
        if fee.cpm_cents is None or not fee.cpm_cents >= 0:
            raise InvalidRequest("a fee must be an amount of cents, 0 or more")


def _changeable(ttl: float | None, fees: tuple[Fee, ...]) -> dict[str, object]:
    metadata: dict[str, object] = {}
    if ttl is not None:
        metadata["ttl"] = ttl
    if fees:
        metadata["audienceFees"] = [
            {"cpmCents": fee.cpm_cents, "currency": fee.currency} for fee in fees
        ]
    return metadata


def _created(said: object) -> CreatedAudience | None:
    found = Fields(said)
    audience_id = found.whole("audienceId")
    if audience_id is None:
        return None
    return CreatedAudience(audience_id, found.text("externalAudienceId"))


def _audience(said: object) -> Audience | None:
    if not isinstance(said, dict):
        return None
    found = Fields(said)
    metadata = found.inner("metadata")
    size = metadata.inner("audienceSize")
    return Audience(
        audience_id=found.whole("audienceId"),
        name=found.text("name"),
        description=found.text("description"),
        external_audience_id=metadata.text("externalAudienceId"),
        advertiser_id=found.whole("advertiserId"),
        country_code=found.text("countryCode"),
        ttl=metadata.number("ttl"),
        fees=tuple(
            Fee(fee.text("currency"), fee.number("cpmCents"))
            for fee in metadata.each("audienceFees")
        ),
        size=AudienceSize(
            received_records=size.number("receivedRecordSize"),
            id_resolutions=size.number("idResolutionCount"),
            dsp=size.number("dspAudienceSize"),
        ),
    )
