"""Maps each upstream audience to audiences of the partners."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PlainValidator, SerializeAsAny

from pipeline.configuration.partners import read_target
from pipeline.destinations.contract import TargetSettings
from pipeline.settings.problems import KeyPath
from pipeline.settings.values import Section, Text

Target = Annotated[SerializeAsAny[TargetSettings], PlainValidator(read_target)]


class AudienceSettings(Section):
    """An upstream audience, by the name that events use, and its targets."""

    audience: Text
    upstream: tuple[Text, ...] = ()
    """Other names of this audience in upstream events; numbers in quotes."""
    destinations: tuple[Target, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, order=True)
class AudienceKey:
    """The key of a partner's audience in the lock file."""

    audience: str
    """The audience's name in upstream events."""
    destination: str
    lane: str
    """The connection or advertiser, for which the partner counts a quota."""


@dataclass(frozen=True, slots=True)
class PlacedTarget:
    """A target, and its place in the file."""

    path: KeyPath
    key: AudienceKey
    target: TargetSettings


def placed_targets(audiences: Sequence[AudienceSettings]) -> Iterator[PlacedTarget]:
    """Every target, in the order of the file."""
    for row, audience in enumerate(audiences):
        for column, target in enumerate(audience.destinations):
            key = AudienceKey(audience.audience, target.destination, target.lane())
            yield PlacedTarget(("audiences", row, "destinations", column), key, target)
