"""The lanes that a configuration makes, and the ways of each audience: to lanes, to memberships."""

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
    """What a partner counts a quota for: a topic, one owner, one cap."""

    name: str
    """<destination>.<connection>"""
    destination: str
    """A key of `Settings.destinations`."""
    connection: str
    """What the partner counts for; the label of metrics."""
    topic: str
    """<namespace>.records.<name>"""

    @property
    def label(self) -> LaneLabel:
        """How metrics name it."""
        return LaneLabel(self.destination, self.connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSettings:
    """One audience at a partner of changes that an upstream audience goes to."""

    lane: LaneSettings
    audience_id: str
    target: TargetSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRouteSettings:
    """One audience at a partner of snapshots that an upstream audience goes to."""

    destination: str
    """A key of `Settings.destinations`."""
    topic: str
    """<namespace>.members.<destination>"""
    audience_id: str
    target: TargetSettings


def lanes(settings: Settings) -> list[LaneSettings]:
    """Every lane once, in the order of the file; a destination that takes snapshots has none."""
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
    """Whether the target's partner gets complete memberships as files, and has no lane."""
    return settings.destinations[target.destination].takes == "snapshots"


def targets_of(settings: Settings, lane: LaneSettings) -> Sequence[TargetSettings]:
    """Every target that the lane carries, in the order of the file."""
    return [target for target in _targets(settings) if lane_of(settings, target).name == lane.name]


def targets_at(settings: Settings, destination: str) -> Sequence[TargetSettings]:
    """Every target at one destination, in the order of the file."""
    return [target for target in _targets(settings) if target.destination == destination]


def routes(settings: Settings) -> Mapping[str, tuple[RouteSettings, ...]]:
    """The lanes that each upstream audience goes to, in the order of the file.

    An audience that is not made yet, as only the control plane knows them, is no way.
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
    """The same for the topics of memberships."""
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
    """Every audience that is made of snapshots, behind its destination, in the order of the file.

    Those that are not made yet wait for their id.
    """
    return [
        (route.destination, snapshot_audience(settings, route.target, upstream, partners))
        for upstream, found in member_routes(settings).items()
        for route in found
    ]


def snapshot_audience(
    settings: Settings, target: TargetSettings, upstream: str, partners: Partners
) -> SnapshotAudience:
    """The shape of a target that takes snapshots."""
    destination = settings.destinations[target.destination]
    shape = partners[destination.kind].snapshot_audience
    assert shape is not None, "a partner that takes snapshots says what they look like"
    return shape(destination, target, upstream)


def snapshots_of(settings: Settings, destination: str, partners: Partners) -> Snapshots:
    """How a destination that takes snapshots gets them."""
    section = settings.destinations[destination]
    delivery = partners[section.kind].delivery(section, ())
    assert isinstance(delivery, Snapshots), "the destination takes snapshots"
    return delivery


def audience_names(settings: Settings) -> Mapping[str, str]:
    """Our name of each audience by every name that upstream events may use."""
    names = {name: one.audience for one in settings.audiences for name in one.upstream}
    return names | {one.audience: one.audience for one in settings.audiences}


def lane_of(settings: Settings, target: TargetSettings) -> LaneSettings:
    """The lane that carries what is for this target."""
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
