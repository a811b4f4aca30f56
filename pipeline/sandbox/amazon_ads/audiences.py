"""Metadata of audiences: each call creates one; its name and target never change."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from pipeline.sandbox.amazon_ads import shapes
from pipeline.sandbox.amazon_ads.calls import Call
from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.vocabulary import (
    COUNTRIES,
    CURRENCIES,
    LARGEST_LONG,
    LONGEST_TTL_SECONDS,
)
from pipeline.sandbox.any_partner.reply import Reply

REQUIRED = frozenset({"description", "metadata", "name", "targetResource"})
MOST_CENTS = 10_000_000
SMALLEST_ID, LARGEST_ID = 10**17, 9 * 10**17
"""Ids are as large as real ones, so that a client that reads them as floats loses digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """One audience. Exactly one of connection and advertiser is set."""

    audience_id: int
    name: str
    description: str
    external_id: str
    connection: str | None
    advertiser: int | None
    country: str | None
    ttl: float
    fees: list[object] | None


class Audiences:
    """Creates, shows and updates audiences."""

    def __init__(
        self,
        random: Random,
        accepts_connection: Callable[[str], bool],
        size: Callable[[int], int],
    ) -> None:
        self._random = random
        self._accepts_connection = accepts_connection
        self._size = size
        self._created: dict[int, Audience] = {}

    def create(self, call: Call) -> Reply:
        request = shapes.fields(
            shapes.document(call.body), "audience", REQUIRED | {"countryCode"}, REQUIRED
        )
        name = shapes.text(request["name"], "name", 10, 128)
        description = shapes.text(request["description"], "description", 0, 1000)
        metadata = shapes.fields(
            request["metadata"],
            "metadata",
            frozenset({"externalAudienceId", "ttl", "audienceFees"}),
            frozenset({"externalAudienceId"}),
        )
        connection, advertiser = self._target(request["targetResource"])
        audience = Audience(
            audience_id=self._unused_id(),
            name=name,
            description=description,
            external_id=shapes.text(metadata["externalAudienceId"], "externalAudienceId"),
            connection=connection,
            advertiser=advertiser,
            country=_country(request),
            ttl=_ttl(metadata, LONGEST_TTL_SECONDS),
            fees=_fees(metadata, None),
        )
        self._created[audience.audience_id] = audience
        return Reply(
            201,
            {"audienceId": audience.audience_id, "externalAudienceId": audience.external_id},
        )

    def show(self, call: Call) -> Reply:
        audience = self._asked_for(call)
        size = self._size(audience.audience_id)
        described = _described(audience)
        described["metadata"] = {
            **_metadata(audience),
            "audienceSize": {
                "dspAudienceSize": -1,
                "idResolutionCount": size,
                "receivedRecordSize": size,
            },
        }
        if audience.country is not None:
            described["countryCode"] = audience.country
        return Reply(200, described)

    def update(self, call: Call) -> Reply:
        audience = self._asked_for(call)
        request = shapes.fields(
            shapes.document(call.body), "audience", frozenset({"description", "metadata"})
        )
        metadata = shapes.fields(
            request.get("metadata", {}), "metadata", frozenset({"ttl", "audienceFees"})
        )
        audience = replace(
            audience,
            description=shapes.text(
                request.get("description", audience.description), "description", 0, 1000
            ),
            ttl=_ttl(metadata, audience.ttl),
            fees=_fees(metadata, audience.fees),
        )
        self._created[audience.audience_id] = audience
        return Reply(200, {**_described(audience), "metadata": _metadata(audience)})

    def know(self, audience: Audience) -> None:
        """Add an audience that exists from the start."""
        self._created[audience.audience_id] = audience

    def knows(self, audience_id: int) -> bool:
        return audience_id in self._created

    def _target(self, value: object) -> tuple[str | None, int | None]:
        target = shapes.fields(value, "targetResource", frozenset({"connectionId", "advertiserId"}))
        if len(target) != 1:
            raise Refusal(400, "targetResource must be either a connectionId or an advertiserId")
        if "advertiserId" in target:
            return None, shapes.long(target["advertiserId"], "advertiserId")
        connection = shapes.text(target["connectionId"], "connectionId")
        if not connection or not self._accepts_connection(connection):
            raise Refusal(400, "The connection does not exist")
        return connection, None

    def _asked_for(self, call: Call) -> Audience:
        raw = call.path["audienceId"]
        if not (raw.isascii() and raw.isdigit() and int(raw[:20]) <= LARGEST_LONG):
            raise Refusal(400, "audienceId must be a number")
        audience = self._created.get(int(raw[:20]))
        if audience is None:
            raise Refusal(404, "The audience was not found")
        return audience

    def _unused_id(self) -> int:
        while (audience_id := self._random.randrange(SMALLEST_ID, LARGEST_ID)) in self._created:
            pass
        return audience_id


def _country(request: dict[str, object]) -> str | None:
    if "countryCode" not in request:
        return None
    return shapes.choice(request["countryCode"], "countryCode", COUNTRIES)


def _ttl(metadata: dict[str, object], otherwise: float) -> float:
    return shapes.number(metadata.get("ttl", otherwise), "ttl", 0, LONGEST_TTL_SECONDS)


def _fees(metadata: dict[str, object], otherwise: list[object] | None) -> list[object] | None:
    if "audienceFees" not in metadata:
        return otherwise
    fees = shapes.items(metadata["audienceFees"], "audienceFees", 1, len(CURRENCIES))
    names = frozenset({"cpmCents", "currency"})
    for fee in fees:
        checked = shapes.fields(fee, "audienceFees", names, names)
        shapes.number(checked["cpmCents"], "cpmCents", 0, MOST_CENTS)
        shapes.choice(checked["currency"], "currency", CURRENCIES)
    return fees


def _described(audience: Audience) -> dict[str, object]:
    described: dict[str, object] = {
        "audienceId": audience.audience_id,
        "name": audience.name,
        "description": audience.description,
    }
    if audience.advertiser is not None:
        described["advertiserId"] = audience.advertiser
    return described


def _metadata(audience: Audience) -> dict[str, object]:
    metadata: dict[str, object] = {
        "externalAudienceId": audience.external_id,
        "ttl": audience.ttl,
    }
    if audience.fees is not None:
        metadata["audienceFees"] = audience.fees
    return metadata
