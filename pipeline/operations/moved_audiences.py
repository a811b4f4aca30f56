"""Audiences that go through another lane than records of theirs that still wait.

Two lanes have two owners: an older add that waits in one can arrive after a newer remove of the
other.
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
    """One audience of the partner, and the lane that it left behind."""

    audience_id: str
    audiences: tuple[str, ...]
    """Its names in upstream events."""
    lane: str
    """Where records of it still wait."""
    now: str
    """Where the configuration sends it."""
    waiting: int
    at_least: bool
    """Not all that waits in the lane was looked at."""
    is_served: bool
    """Whether the lane is in the configuration, so that what waits is still sent."""

    def __str__(self) -> str:
        count = f"at least {self.waiting}" if self.at_least else str(self.waiting)
        said = (
            f"audience {self.audience_id} ({', '.join(self.audiences)}) goes through lane "
            f"{self.now} now, and {count} older records of it wait in lane {self.lane}: "
        )
        if self.is_served:
            return said + (
                "sent after newer ones they would undo them; `lanes pause "
                f"{self.audience_id}`, and `lanes resume {self.audience_id}` once `lanes list` no "
                "longer says this"
            )
        return said + (
            f"nobody sends them; move it back to lane {self.lane} until nothing waits there, or "
            f"let them go with `lanes retire {self.lane}`"
        )


async def moved_audiences(
    settings: Settings, client_options: ClientOptions, facts: Sequence[LaneTopicFacts]
) -> Sequence[MovedAudience]:
    """Every audience of which records wait in a lane that the configuration sends none to.

    Raises:
        aiokafka.errors.KafkaError: a broker went away meanwhile.
    """
    names = {lane.name for lane in lanes(settings)}
    prefix = Names(settings.kafka.namespace).lane_prefix
    # Where all audiences go through one lane, none can have left that lane for another.
    seen = [one for one in facts if names - {one.topic.removeprefix(prefix)}]
    found = await backlogs(
        client_options,
        seen,
        read_committed=settings.kafka.exactly_once,
        clock=asyncio.get_running_loop().time,
    )
    return list(moved(settings, found))


def moved(settings: Settings, found: Sequence[Backlog]) -> Iterator[MovedAudience]:
    """The same from what waits.

    Ids are compared within one kind of partner: a lane that left names its destination, and where
    that has left too, its kind is not known any more.
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
    """The lanes of each audience of a partner, and the upstream audiences that go there."""
    ways: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, targets in routes(settings).items():
        for route in targets:
            ways[route.audience_id][route.lane.name].append(name)
    return ways


def _reached(
    settings: Settings, lane: str, ways: Mapping[str, Sequence[str]]
) -> Mapping[str, Sequence[str]]:
    """Those of the ways that reach the partner of this lane, as far as that is known."""
    kinds = {name: one.kind for name, one in settings.destinations.items()}
    kind = kinds.get(lane.partition(".")[0])
    return {
        way: names
        for way, names in ways.items()
        if kind is None or kinds[way.partition(".")[0]] == kind
    }
