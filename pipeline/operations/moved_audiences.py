"""Finds audiences that moved to another lane while their older records wait in the old lane.

Two lanes have two owners, so an older add in one lane can arrive after a newer remove in the other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, routes
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.lane_backlogs import Backlog, backlogs
from pipeline.kafka.lane_positions import LaneTopicFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedAudience:
    """One audience of the partner, and its old lane."""

    audience_id: str
    audiences: tuple[str, ...]
    """The audience's names in upstream events."""
    lane: str
    """The old lane, where records of the audience still wait."""
    now: str
    """The lanes to which the configuration sends the audience."""
    waiting: int
    at_least: bool
    """Whether `waiting` may be too low, because only a part of the lane was read."""
    is_served: bool
    """Whether the old lane is in the configuration, so that its records are still sent."""

    def __str__(self) -> str:
        count = f"at least {self.waiting}" if self.at_least else str(self.waiting)
        said = (
            f"audience {self.audience_id} ({', '.join(self.audiences)}) goes through lane "
            f"{self.now} now, and {count} older records of it wait in lane {self.lane}: "
        )
        if self.is_served:
            return said + (
                "if sent after newer ones, they would undo them; `lanes pause "
                f"{self.audience_id}`, and `lanes resume {self.audience_id}` once `lanes list` no "
                "longer says this"
            )
        return said + (
            f"nobody sends them; move it back to lane {self.lane} until nothing waits there, or "
            f"delete them with `lanes retire {self.lane}`"
        )


async def moved_audiences(
    settings: Settings, client_options: ClientOptions, facts: Sequence[LaneTopicFacts]
) -> Sequence[MovedAudience]:
    """Every audience with records in a lane to which the configuration no longer sends it.

    Raises:
        aiokafka.errors.KafkaError: a broker failed meanwhile.
    """
    names = {lane.name for lane in lanes(settings)}
    prefix = Names(settings.kafka.namespace).lane_prefix
    # With a single lane, no audience can have moved from it to another.
    seen = [one for one in facts if names - {one.topic.removeprefix(prefix)}]
    found = await backlogs(
        client_options,
        seen,
        read_committed=settings.kafka.exactly_once,
        clock=asyncio.get_running_loop().time,
    )
    return list(moved(settings, found))


def moved(settings: Settings, found: Sequence[Backlog]) -> Iterator[MovedAudience]:
    """Every moved audience, from the backlogs of all lanes.

    Ids are compared within one kind of partner. A removed lane names its destination; if that was
    removed too, its kind is not known, and the ids of every kind are compared.
    """
    served = {lane.name for lane in lanes(settings)}
    prefix = Names(settings.kafka.namespace).lane_prefix
    ways = _ways(settings)
    for backlog in found:
        lane = backlog.topic.removeprefix(prefix)
        for audience_id, waiting in sorted(backlog.records.items()):
            now = _reached(settings, lane, ways.get(audience_id, {}))
            if now and lane not in now:
                yield MovedAudience(
                    audience_id=audience_id,
                    audiences=tuple(sorted({name for names in now.values() for name in names})),
                    lane=lane,
                    now=", ".join(now),
                    waiting=waiting,
                    at_least=not backlog.is_whole,
                    is_served=lane in served,
                )


def _ways(settings: Settings) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """For each audience of a partner: its lanes, with the upstream audiences that feed it."""
    ways: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, targets in routes(settings).items():
        for route in targets:
            ways[route.audience_id][route.lane.name].append(name)
    return ways


def _reached(
    settings: Settings, lane: str, ways: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """The routes that reach the same kind of partner as this lane; all if its kind is unknown."""
    kinds = {name: one.kind for name, one in settings.destinations.items()}
    kind = kinds.get(lane.partition(".")[0])
    return {
        way: names
        for way, names in ways.items()
        if kind is None or kinds[way.partition(".")[0]] == kind
    }
