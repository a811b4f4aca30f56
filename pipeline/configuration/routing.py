"""The lanes that a configuration makes, and the way of each audience to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from pipeline.configuration.model import Settings
from pipeline.configuration.targets import TargetSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """One connection, or one advertiser, of a destination: what a cap is counted for."""

    name: str
    """<destination>.<connection>"""
    destination: str
    """A key of `Settings.destinations`."""
    connection: str
    """The connection's id, or advertiser-<id>; the label of metrics."""
    connection_id: str | None
    advertiser_id: int | None
    topic: str
    """<namespace>.records.<name>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """One audience at one partner that an upstream audience goes to."""

    lane: LaneSettings
    audience_id: int
    target_types: tuple[str, ...]
    country: str | None
    """Of members whose event names none: the target's, or else the destination's."""


def lanes(settings: Settings) -> list[LaneSettings]:
    """Every lane once, in the order of the file."""
    targets = chain.from_iterable(audience.destinations for audience in settings.audiences)
    found = (lane_of(settings, target) for target in targets)
    return list({lane.name: lane for lane in found}.values())


def routes(settings: Settings) -> Mapping[str, tuple[RouteSettings, ...]]:
    """Where each upstream audience goes, in the order of the file.

    An audience that is not made yet, as only the control plane knows them, is no way.
    """
    return {
        audience.audience: tuple(
            _route(settings, target, target.audience_id)
            for target in audience.destinations
            if target.audience_id is not None
        )
        for audience in settings.audiences
    }


def audience_names(settings: Settings) -> Mapping[str, str]:
    """Our name of each audience by every name that upstream events may use."""
    names = {name: one.audience for one in settings.audiences for name in one.upstream}
    return names | {one.audience: one.audience for one in settings.audiences}


def lane_of(settings: Settings, target: TargetSettings) -> LaneSettings:
    """The lane that carries what is for this target."""
    connection = target.connection()
    name = f"{target.destination}.{connection}"
    return LaneSettings(
        name=name,
        destination=target.destination,
        connection=connection,
        connection_id=target.connection_id,
        advertiser_id=target.advertiser_id,
        topic=f"{settings.kafka.namespace}.records.{name}",
    )


def _route(settings: Settings, target: TargetSettings, audience_id: int) -> RouteSettings:
    return RouteSettings(
        lane=lane_of(settings, target),
        audience_id=audience_id,
        target_types=target.target_types,
        country=target.country or settings.destinations[target.destination].country,
    )
