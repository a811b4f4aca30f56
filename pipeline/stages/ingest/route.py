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
    """The only one of the lane's topic."""
    audience_id: str
    route: bytes
    """What the partner's package writes for itself into every record."""
    render: Render
    largest_value: int
    """Bytes of a record that fits into one request of its lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRoute:
    """One destination of an audience that takes snapshots."""

    lane: LaneLabel
    topic: str
    """Of all memberships of the destination."""
    audience_id: str
    render: Render
    """Its value is an object of `r`, `i` and `c`, as a member record has them; of a remove, only
    the member counts, and nothing but their id is looked at."""
    absent_consent_removes: bool
    """What an add without the consent that it needs does: removes the member, or nothing."""


AnyRoute: TypeAlias = Route | MemberRoute


class Routes:
    """The routes of every audience, by its upstream name."""

    def __init__(self, by_audience: Mapping[str, Sequence[AnyRoute]]) -> None:
        self._by_audience = by_audience
        self._all = tuple(chain.from_iterable(by_audience.values()))

    def of(self, audience: str | None) -> Sequence[AnyRoute]:
        """Those of one audience, or of every configured one; none where it has none."""
        return self._all if audience is None else self._by_audience.get(audience, ())
