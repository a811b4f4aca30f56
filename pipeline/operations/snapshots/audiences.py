"""Finds the audiences delivered as snapshots by the names that operators use."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audiences, snapshot_destinations
from pipeline.destinations.contract import Partners
from pipeline.destinations.registry import PARTNERS
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.settings.problems import suggestion


class SnapshotPlace(NamedTuple):
    """One audience of the partner at one destination."""

    destination: str
    name: str
    """The upstream name; the partner's id if the configuration no longer has the audience."""
    audience_id: str
    """The partner's id."""
    lifetime: float | None
    """Seconds from a good run until members leave; None if the configuration has no value."""

    def __str__(self) -> str:
        return f"audience {self.audience_id} ({self.name}) of {self.destination}"


def snapshot_places(
    settings: Settings, destination: str | None, partners: Partners = PARTNERS
) -> Sequence[SnapshotPlace]:
    """Every audience with an id at one of the destinations, in the order of the file.

    Raises:
        UsageRefused: the destination does not exist, or takes no snapshots.
    """
    chosen = chosen_snapshot_destinations(settings, destination)
    return [
        SnapshotPlace(name, audience.name, audience.audience, audience.lifetime)
        for name, audience in snapshot_audiences(settings, partners)
        if name in chosen
    ]


def chosen_snapshot_destinations(settings: Settings, name: str | None) -> Sequence[str]:
    """The named destination, or all that take snapshots.

    Raises:
        UsageRefused: no destination of this name takes snapshots, or none does.
    """
    there = snapshot_destinations(settings)
    if not there:
        raise UsageRefused(
            "destinations: none takes snapshots, and this command is only for snapshots; "
            "for lanes, use `lanes list` and `ledger`"
        )
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
    """The audience with this upstream name or this id at the partner.

    Raises:
        OperationFailed: there is none; the message names the nearest.
        UsageRefused: several destinations have it, or the destination does not exist.
    """
    places = snapshot_places(settings, destination, partners)
    found = [one for one in places if audience in (one.name, one.audience_id)]
    if not found:
        names = {name for one in places for name in (one.name, one.audience_id)}
        raise OperationFailed(
            f"no audience {audience!r} is delivered as snapshots; "
            f"{suggestion(audience, sorted(names))}"
        )
    if len(found) > 1:
        raise UsageRefused(f"{audience!r} means several: {'; '.join(map(str, found))}; give an id")
    return found[0]
