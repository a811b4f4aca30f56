"""Which upstream audience goes to which audiences of the partners."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.app.settings.errors import Problem
from pipeline.app.settings.values import (
    Country,
    DestinationName,
    Identifier,
    Section,
    Text,
    TopicText,
    refuse,
)

ADVERTISER = "advertiser-"
"""What the label of a lane without a connection begins with."""


class TargetSettings(Section):
    """One audience at one partner, reached by a connection or, DSP only, by an advertiser."""

    destination: DestinationName
    """A name under `destinations`."""
    audience_id: Identifier
    """The partner's id of the audience."""
    connection_id: TopicText | None = None
    """Reaches Amazon Marketing Cloud, and DSP too with target_types; or else advertiser_id."""
    advertiser_id: Identifier | None = None
    """For an audience that was made for a DSP advertiser, without a connection."""
    target_types: tuple[Literal["DSP"], ...] = Field(default=(), max_length=1)
    """[DSP]: to DSP as well; []: to Amazon Marketing Cloud alone."""
    country: Country | None = None
    """Of members whose event names none; null: that of the destination."""

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
    destinations: tuple[TargetSettings, ...] = Field(min_length=1)
