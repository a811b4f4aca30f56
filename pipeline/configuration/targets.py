"""Which upstream audience goes to which audiences of the partners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TTL_SECONDS,
    SHORTEST_NAME,
)
from pipeline.settings.problems import KeyPath, Problem
from pipeline.settings.values import (
    Country,
    DestinationName,
    Identifier,
    Section,
    Text,
    TopicText,
    Whole,
    refusal,
    refuse,
)

ADVERTISER = "advertiser-"
"""What the label of a lane without a connection begins with."""


def is_name(value: str) -> bool:
    """Whether the partner takes this as the name of an audience."""
    return SHORTEST_NAME <= len(value) <= LONGEST_NAME


def _name(value: str) -> str:
    if is_name(value):
        return value
    raise refusal(
        f"must have {SHORTEST_NAME} to {LONGEST_NAME} characters, and has {len(value)}",
        "give the audience another name",
    )


def _description(value: str) -> str:
    if len(value) <= LONGEST_DESCRIPTION:
        return value
    raise refusal(
        f"must have at most {LONGEST_DESCRIPTION} characters, and has {len(value)}", "shorten it"
    )


AudienceName = Annotated[
    str,
    AfterValidator(_name),
    Field(json_schema_extra={"minLength": SHORTEST_NAME, "maxLength": LONGEST_NAME}),
]
Description = Annotated[
    str,
    AfterValidator(_description),
    Field(json_schema_extra={"maxLength": LONGEST_DESCRIPTION}),
]
Ttl = Annotated[Whole, Field(ge=0, le=LONGEST_TTL_SECONDS)]


class TargetSettings(Section):
    """One audience at one partner, reached by a connection or, DSP only, by an advertiser."""

    destination: DestinationName
    """A name under `destinations`."""
    audience_id: Identifier | None = None
    """The partner's id of the audience; null: the one that `audiences apply` made and noted."""
    connection_id: TopicText | None = None
    """Reaches Amazon Marketing Cloud, and DSP too with target_types; or else advertiser_id."""
    advertiser_id: Identifier | None = None
    """For an audience that was made for a DSP advertiser, without a connection."""
    target_types: tuple[Literal["DSP"], ...] = Field(default=(), max_length=1)
    """[DSP]: to DSP as well; []: to Amazon Marketing Cloud alone."""
    country: Country | None = None
    """Of members whose event names none; null: that of the destination."""
    name: AudienceName | None = None
    """At the partner, fixed once it is made; null: the upstream name."""
    external_audience_id: Text | None = None
    """Our id of it at the partner, fixed once it is made; null: the upstream name."""
    description: Description | None = None
    """`audiences apply` sees to it; null: as it is."""
    ttl_seconds: Ttl | None = None
    """How long a member stays, which `audiences apply` sees to; null: as it is."""

    def connection(self) -> str:
        """The label of what the cap is counted for: the connection, or the advertiser."""
        return self.connection_id or f"{ADVERTISER}{self.advertiser_id}"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if (self.connection_id is None) == (self.advertiser_id is None):
            both = self.connection_id is not None
            yield Problem(
                path=("connection_id",),
                what="stands beside advertiser_id" if both else "is required and missing",
                remedy="keep one of the two" if both else "set it, or advertiser_id",
            )
        if self.connection_id is not None and self.connection_id.startswith(ADVERTISER):
            yield Problem(
                path=("connection_id",),
                what=f"must not begin with {ADVERTISER!r}, which marks lanes without a connection",
                value=repr(self.connection_id),
                remedy="set advertiser_id instead",
            )
        if self.advertiser_id is not None and self.target_types:
            yield Problem(
                path=("target_types",),
                what="belongs to a connection; an advertiser's audience reaches DSP alone",
                remedy="remove it, or set connection_id instead of advertiser_id",
            )


class AudienceSettings(Section):
    """An audience under the name that upstream events use."""

    audience: Text
    upstream: tuple[Text, ...] = ()
    """Further names that upstreams give it; numbers in quotes."""
    destinations: tuple[TargetSettings, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, order=True)
class AudienceKey:
    """What the lock file knows an audience of the partner by."""

    audience: str
    """Upstream's name of it."""
    destination: str
    connection: str
    """The connection's id, or advertiser-<id>."""


@dataclass(frozen=True, slots=True)
class PlacedTarget:
    """A target, and where it stands in the file."""

    path: KeyPath
    key: AudienceKey
    target: TargetSettings


def placed_targets(audiences: Sequence[AudienceSettings]) -> Iterator[PlacedTarget]:
    """Every target, in the order of the file."""
    for row, audience in enumerate(audiences):
        for column, target in enumerate(audience.destinations):
            key = AudienceKey(audience.audience, target.destination, target.connection())
            yield PlacedTarget(("audiences", row, "destinations", column), key, target)
