"""Tells the end of each change of one member, without other personal data."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import RouteSettings, member_routes, routes
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.lane_record import member_key
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import reader
from pipeline.operations.ledger.ledger_reading import ledger_topics
from pipeline.operations.ledger.member_changes import ChangeEnd
from pipeline.operations.ledger.member_reading import read_member
from pipeline.operations.moments import moment
from pipeline.operations.trouble import UsageRefused
from pipeline.settings.problems import suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One change as operators see it."""

    lane: str
    offset: int
    changed_at: str | None
    end: str
    detail: str


async def member_ledger(settings: Settings, member: str, audience: str) -> Sequence[ChangeLine]:
    """The member's changes, lane by lane, oldest first.

    Raises:
        UsageRefused: there is no such audience.
        ClusterTrouble: the cluster cannot be reached, or has no such topics.
    """
    known = routes(settings)
    if audience not in known:
        nearest = suggestion(audience, sorted(known))
        raise UsageRefused(f"--audience: no audience {audience!r}; {nearest}")
    lines: list[ChangeLine] = []
    names = Names(settings.kafka.namespace)
    async with reader(settings.kafka) as open_reader:
        for route in known[audience]:
            lane = route.lane
            topics = ledger_topics(names, {lane.name: lane.topic})
            key = _key(settings, route, member)
            changes = await read_member(open_reader, topics, lane.name, key)
            lines += [_line(lane.name, change) for change in changes]
    return lines


def file_destinations(settings: Settings, audience: str) -> Sequence[str]:
    """The destinations that get this audience as files, so that no lane has its members."""
    found = (route.destination for route in member_routes(settings).get(audience, ()))
    return list(dict.fromkeys(found))


def _key(settings: Settings, route: RouteSettings, member: str) -> bytes:
    destination = settings.destinations[route.lane.destination]
    sent = PARTNERS[destination.kind].member_id(destination, member)
    return member_key(route.audience_id, sent)


def _line(lane: str, change: ChangeEnd) -> ChangeLine:
    return ChangeLine(
        lane=lane,
        offset=change.offset,
        changed_at=None if change.changed_at_ms is None else moment(change.changed_at_ms),
        end=change.end,
        detail=change.detail,
    )
