"""Settings of a target at Amazon Ads: one audience."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.destinations.amazon_ads.audiences import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_TTL_SECONDS,
    SHORTEST_NAME,
)
from pipeline.destinations.contract import TargetSettings
from pipeline.settings.problems import Problem
from pipeline.settings.values import (
    Country,
    Identifier,
    Text,
    TopicText,
    Whole,
    refusal,
    refuse,
)

ADVERTISER = "advertiser-"
"""The beginning of the label of a lane without a connection."""


def is_name(value: str) -> bool:
    """Whether the partner accepts this name of an audience."""
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


class AmazonTarget(TargetSettings):
    """One audience, reached through a connection or (only DSP) an advertiser."""

    audience_id: Identifier | None = None
    """The partner's id of the audience; null: the id in the lock file of `audiences apply`."""
    connection_id: TopicText | None = None
    """Reaches Amazon Marketing Cloud, with target_types also DSP; otherwise set advertiser_id."""
    advertiser_id: Identifier | None = None
    """For an audience of a DSP advertiser without a connection."""
    target_types: tuple[Literal["DSP"], ...] = Field(default=(), max_length=1)
    """[DSP]: also to DSP; []: only to Amazon Marketing Cloud."""
    country: Country | None = None
    """The country of members whose event names none; null: the destination's."""
    name: AudienceName | None = None
    """The name at the partner, which never changes; null: the upstream name."""
    external_audience_id: Text | None = None
    """Our id of it at the partner, which never changes; null: the upstream name."""
    description: Description | None = None
    """`audiences apply` sets it; null: it stays unchanged."""
    ttl_seconds: Ttl | None = None
    """Seconds that a member stays; `audiences apply` sets it; null: it stays unchanged."""

    def audience(self) -> str | None:
        return None if self.audience_id is None else str(self.audience_id)

    def with_audience(self, audience: str) -> Self:
        return self.model_copy(update={"audience_id": int(audience)})

    def lane(self) -> str:
        """The connection or the advertiser, for which the cap is counted."""
        return self.connection_id or f"{ADVERTISER}{self.advertiser_id}"

    def lane_keys(self) -> Mapping[str, object]:
        if self.connection_id is not None:
            return {"connection_id": self.connection_id}
        return {"advertiser_id": self.advertiser_id}

    def unmakeable(self, upstream_name: str) -> Problem | None:
        if is_name(self.name or upstream_name):
            return None
        return Problem(
            path=("name",),
            what=f"is required: the partner takes names of {SHORTEST_NAME} to {LONGEST_NAME} "
            f"characters, and the upstream name has {len(upstream_name)}",
            value=repr(upstream_name),
            remedy="add 'name: …', or the audience_id of an existing audience",
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if (self.connection_id is None) == (self.advertiser_id is None):
            both = self.connection_id is not None
            yield Problem(
                path=("connection_id",),
                what="is set together with advertiser_id" if both else "is required and missing",
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
                what="needs a connection; an advertiser's audience reaches only DSP",
                remedy="remove it, or set connection_id instead of advertiser_id",
            )
