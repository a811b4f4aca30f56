"""Which upstream audience goes to which audiences of the partners."""

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
    """An audience under the name that upstream events use."""

    audience: Text
    upstream: tuple[Text, ...] = ()
    """Further names that upstreams give it; numbers in quotes."""
    destinations: tuple[Target, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True, order=True)
class AudienceKey:
    """What the lock file knows an audience of the partner by."""

    audience: str
    """Upstream's name of it."""
    destination: str
    lane: str
    """What the partner counts its quota for."""


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
            key = AudienceKey(audience.audience, target.destination, target.lane())
            yield PlacedTarget(("audiences", row, "destinations", column), key, target)
