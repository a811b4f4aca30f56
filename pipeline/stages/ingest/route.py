"""Where the changes of each audience go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias, final

from pipeline.destinations.contract import Render
from pipeline.stages.ports import Partition
from pipeline.telemetry.facts import LaneLabel


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One destination of an audience that takes changes."""

    lane: LaneLabel
    partition: Partition
    """The only partition of the lane's topic."""
    audience_id: str
    route: bytes
    """Bytes that the partner's package writes into every record for its own use."""
    render: Render
    largest_value: int
    """The most bytes of a record that still fits into one request of its lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRoute:
    """One destination of an audience that takes snapshots."""

    lane: LaneLabel
    topic: str
    """The topic of all memberships of the destination."""
    audience_id: str
    render: Render
    """Its value is an object of `r`, `i` and `c`, as in a member record. For a remove it reads only
    the member's id, and only the member counts."""
    absent_consent_removes: bool
    """Whether an add without the consent that it needs removes the member, or does nothing."""


AnyRoute: TypeAlias = Route | MemberRoute


class Routes:
    """The routes of every audience, by its upstream name."""

    def __init__(self, by_audience: Mapping[str, Sequence[AnyRoute]]) -> None:
        self._by_audience = by_audience
        self._all = tuple(chain.from_iterable(by_audience.values()))

    def of(self, audience: str | None) -> Sequence[AnyRoute]:
        """Return the routes of one audience; None asks for the routes of all audiences."""
        return self._all if audience is None else self._by_audience.get(audience, ())
