"""Derives from a configuration its lanes, and the routes of each audience."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.configuration.model import Settings
from pipeline.destinations.contract import Partners, TargetSettings
from pipeline.destinations.snapshots import SnapshotAudience, Snapshots
from pipeline.domain.names import Names
from pipeline.telemetry.facts import LaneLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """One lane: the unit of a partner's quota, with one topic, one owner and one cap."""

    name: str
    """<destination>.<connection>"""
    destination: str
    """A key of `Settings.destinations`."""
    connection: str
    """The connection or advertiser whose records the partner counts; also a label of metrics."""
    topic: str
    """<namespace>.records.<name>"""

    @property
    def label(self) -> LaneLabel:
        """The labels of this lane in metrics."""
        return LaneLabel(self.destination, self.connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """A route from an upstream audience to one of a partner that takes changes."""

    lane: LaneSettings
    audience_id: str
    target: TargetSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRouteSettings:
    """A route from an upstream audience to one of a partner that takes snapshots."""

    destination: str
    """A key of `Settings.destinations`."""
    topic: str
    """<namespace>.members.<destination>"""
    audience_id: str
    target: TargetSettings


def lanes(settings: Settings) -> list[LaneSettings]:
    """Every lane once, in the order of the file; destinations that take snapshots have none."""
    found = (
        lane_of(settings, target)
        for target in _targets(settings)
        if not takes_snapshots(settings, target)
    )
    return list({lane.name: lane for lane in found}.values())


def snapshot_destinations(settings: Settings) -> list[str]:
    """Every destination that takes snapshots, in the order of the file."""
    return [name for name, one in settings.destinations.items() if one.takes == "snapshots"]


def takes_snapshots(settings: Settings, target: TargetSettings) -> bool:
    """Whether the target's partner takes snapshots (files of all members) and has no lane."""
    return settings.destinations[target.destination].takes == "snapshots"


def targets_of(settings: Settings, lane: LaneSettings) -> Sequence[TargetSettings]:
    """Every target that the lane carries, in the order of the file."""
    return [target for target in _targets(settings) if lane_of(settings, target).name == lane.name]


def targets_at(settings: Settings, destination: str) -> Sequence[TargetSettings]:
    """Every target at one destination, in the order of the file."""
    return [target for target in _targets(settings) if target.destination == destination]


def routes(settings: Settings) -> Mapping[str, tuple[RouteSettings, ...]]:
    """The routes of each upstream audience to lanes, in the order of the file.

    Targets without an id have no route; only the control plane knows those.
    """
    return {
        audience.audience: tuple(
            RouteSettings(lane=lane_of(settings, target), audience_id=made, target=target)
            for target in audience.destinations
            if not takes_snapshots(settings, target) and (made := target.audience()) is not None
        )
        for audience in settings.audiences
    }


def member_routes(settings: Settings) -> Mapping[str, tuple[MemberRouteSettings, ...]]:
    """The routes of each upstream audience to members topics, in the order of the file."""
    names = Names(settings.kafka.namespace)
    return {
        audience.audience: tuple(
            MemberRouteSettings(
                destination=target.destination,
                topic=names.members(target.destination),
                audience_id=made,
                target=target,
            )
            for target in audience.destinations
            if takes_snapshots(settings, target) and (made := target.audience()) is not None
        )
        for audience in settings.audiences
    }


def snapshot_audiences(
    settings: Settings, partners: Partners
) -> Sequence[tuple[str, SnapshotAudience]]:
    """Every audience delivered as snapshots, with its destination, in the order of the file.

    Audiences without an id are left out.
    """
    return [
        (route.destination, snapshot_audience(settings, route.target, upstream, partners))
        for upstream, found in member_routes(settings).items()
        for route in found
    ]


def snapshot_audience(
    settings: Settings, target: TargetSettings, upstream: str, partners: Partners
) -> SnapshotAudience:
    """The snapshot audience of a target that takes snapshots."""
    destination = settings.destinations[target.destination]
    shape = partners[destination.kind].snapshot_audience
    assert shape is not None, "a partner that takes snapshots says what they look like"
    return shape(destination, target, upstream)


def snapshots_of(settings: Settings, destination: str, partners: Partners) -> Snapshots:
    """How snapshots are delivered to a destination that takes them."""
    section = settings.destinations[destination]
    delivery = partners[section.kind].delivery(section, ())
    assert isinstance(delivery, Snapshots), "the destination takes snapshots"
    return delivery


def audience_names(settings: Settings) -> Mapping[str, str]:
    """The configured name of each audience, by every name that upstream events may use."""
    names = {name: one.audience for one in settings.audiences for name in one.upstream}
    return names | {one.audience: one.audience for one in settings.audiences}


def lane_of(settings: Settings, target: TargetSettings) -> LaneSettings:
    """The lane that carries the changes for this target."""
    connection = target.lane()
    name = f"{target.destination}.{connection}"
    return LaneSettings(
        name=name,
        destination=target.destination,
        connection=connection,
        topic=Names(settings.kafka.namespace).lane_prefix + name,
    )


def _targets(settings: Settings) -> Iterator[TargetSettings]:
    return chain.from_iterable(audience.destinations for audience in settings.audiences)
