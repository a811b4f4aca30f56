"""The audiences that are delivered as snapshots, as an operator names them."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.settings.problems import suggestion


class SnapshotPlace(NamedTuple):
    """One audience of the partner at one destination."""

    destination: str
    audience: SnapshotAudience

    def __str__(self) -> str:
        one = self.audience
        return f"audience {one.audience} ({one.name}) of {self.destination}"


def snapshot_places(
    settings: Settings, destination: str | None, partners: Partners = PARTNERS
) -> Sequence[SnapshotPlace]:
    """Every audience that is made and goes to one of the destinations, in the order of the file.

    Raises:
        UsageRefused: the destination is none, or takes no snapshots.
    """
    chosen = chosen_snapshot_destinations(settings, destination)
    found = []
    for one in settings.audiences:
        for target in one.destinations:
            partner = partners[settings.destinations[target.destination].kind]
            shape = partner.snapshot_audience
            if target.destination in chosen and shape and target.audience() is not None:
                told = shape(settings.destinations[target.destination], target, one.audience)
                found.append(SnapshotPlace(target.destination, told))
    return found


def chosen_snapshot_destinations(settings: Settings, name: str | None) -> Sequence[str]:
    """The destination that is named, or all that take snapshots.

    Raises:
        UsageRefused: there is none of this name, or none at all.
    """
    there = snapshot_destinations(settings)
    if not there:
        raise UsageRefused("destinations: none of them takes snapshots, so there are no runs")
    if name is None:
        return there
    if name not in there:
        raise UsageRefused(
            f"--destination: no destination {name!r} takes snapshots; there are {', '.join(there)}"
        )
    return [name]


def named_place(
    settings: Settings, audience: str, destination: str | None, partners: Partners = PARTNERS
) -> SnapshotPlace:
    """The one audience with this upstream name or this id of the partner.

    Raises:
        OperationFailed: there is none; names the nearest.
        UsageRefused: it is at several destinations, or the destination is none.
    """
    places = snapshot_places(settings, destination, partners)
    found = [one for one in places if audience in (one.audience.name, one.audience.audience)]
    if not found:
        names = {name for one in places for name in (one.audience.name, one.audience.audience)}
        raise OperationFailed(
            f"no audience {audience!r} is delivered as snapshots; "
            f"{suggestion(audience, sorted(names))}"
        )
    if len(found) > 1:
        raise UsageRefused(f"{audience!r} is several: {'; '.join(map(str, found))}; give an id")
    return found[0]
