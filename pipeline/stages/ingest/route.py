"""Where the changes of each audience go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from pipeline.destinations.contract import Render
from pipeline.telemetry.facts import LaneLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One destination of an audience."""

    lane: LaneLabel
    topic: str
    audience_id: str
    route: bytes
    """What the partner's package writes for itself into every record."""
    render: Render
    largest_value: int
    """Bytes of a record that fits into one request of its lane."""


class Routes:
    """The routes of every audience, by its upstream name."""

    def __init__(self, by_audience: Mapping[str, Sequence[Route]]) -> None:
        self._by_audience = by_audience
        self._all = tuple(chain.from_iterable(by_audience.values()))

    def of(self, audience: str | None) -> Sequence[Route]:
        """Those of one audience, or of every configured one; none where it has none."""
        return self._all if audience is None else self._by_audience.get(audience, ())
