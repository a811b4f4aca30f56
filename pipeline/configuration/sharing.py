"""Finds connections, and audiences of a partner, that are configured more than once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations, takes_snapshots
from pipeline.configuration.targets import placed_targets
from pipeline.destinations.contract import DestinationSettings, Partners, TargetSettings
from pipeline.settings.problems import KeyPath, Problem, dotted


def shared_connections(settings: Settings) -> Iterator[Problem]:
    """Connections that would become two lanes, each with a full cap."""
    owners: dict[tuple[str, str], TargetSettings] = {}
    for placed in placed_targets(settings.audiences):
        target = placed.target
        if takes_snapshots(settings, target):
            continue
        kind = settings.destinations[target.destination].kind
        # Letter case never tells two connections apart: their ids are UUIDs.
        owner = owners.setdefault((kind, target.lane().casefold()), target)
        path = (*placed.path, *tuple(target.lane_keys())[:1])
        if owner.destination != target.destination:
            yield Problem(
                path=path,
                what=f"is also used by the destination {owner.destination!r}, and its cap would "
                "count twice",
                value=repr(target.lane()),
                remedy="use each connection under one destination",
            )
        elif owner.lane() != target.lane():
            yield Problem(
                path=path,
                what=f"differs from {owner.lane()!r} only in letter case: it is one connection, "
                "and its cap would count twice",
                value=repr(target.lane()),
                remedy="write it the same way everywhere",
            )


def shared_spaces(settings: Settings, partners: Partners) -> Iterator[Problem]:
    """Snapshot destinations that are the same at the partner: each would count its runs alone."""
    owners: dict[tuple[str, str], str] = {}
    for name in snapshot_destinations(settings):
        owner = owners.setdefault(_space(settings.destinations, name, partners), name)
        if owner != name:
            yield Problem(
                path=("destinations", name),
                what=f"reaches the same audiences as the destination {owner!r}, and the runs that "
                "the partner allows would count twice",
                remedy="keep one of the two, with the audiences of both",
            )


@dataclass(frozen=True, slots=True)
class _Home:
    """The place that names an audience of a partner first."""

    path: KeyPath
    destination: str
    lane: str


def shared_audiences(settings: Settings, partners: Partners) -> Iterator[Problem]:
    """Audiences of a partner that more than one target feeds, even under different names."""
    homes: dict[tuple[str, str, str], _Home] = {}
    for placed in placed_targets(settings.audiences):
        target = placed.target
        audience = target.audience()
        if audience is None:
            continue
        here = _Home(placed.path, target.destination, target.lane())
        kind, space = _space(settings.destinations, target.destination, partners)
        # People may copy an id in another letter case; no partner has two ids that differ so.
        home = homes.setdefault((kind, space, audience.casefold()), here)
        if home is not here:
            yield _twice(here, home, audience, target.id_key)


def _space(
    destinations: Mapping[str, DestinationSettings], name: str, partners: Partners
) -> tuple[str, str]:
    """The part of the partner's system in which an id names exactly one audience."""
    destination = destinations[name]
    partner = partners[destination.kind]
    space = partner.audience_space or partner.base_url
    return destination.kind, space(destination)


def _twice(here: _Home, home: _Home, audience: str, key: str) -> Problem:
    what = f"is already fed by {dotted(home.path)}, and each would undo the other's changes"
    remedy = "remove one of the two"
    if home.destination != here.destination:
        what = (
            f"is already fed by {dotted(home.path)} through the destination {home.destination!r}, "
            "which reaches the same audience: each would undo the other's changes"
        )
    elif home.lane != here.lane:
        what = (
            f"goes through another connection at {dotted(home.path)}, "
            "and changes of a member would not keep their order"
        )
        remedy = f"keep one of the two, by {home.lane!r} or by {here.lane!r}"
    return Problem(path=(*here.path, key), what=what, value=audience, remedy=remedy)
