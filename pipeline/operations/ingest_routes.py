"""Builds the routes of each audience that ingest uses: to lanes and to members topics."""

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import (
    MemberRouteSettings,
    RouteSettings,
    member_routes,
    routes,
)
from pipeline.destinations.changes import Changes
from pipeline.destinations.contract import Partners
from pipeline.destinations.snapshots import Snapshots
from pipeline.stages.ingest.route import MemberRoute, Route, Routes
from pipeline.stages.ports import Partition
from pipeline.telemetry.facts import LaneLabel


def ingest_routes(settings: Settings, partners: Partners) -> Routes:
    """The routes of every audience, by its configured name."""
    to_lanes, to_members = routes(settings), member_routes(settings)
    return Routes(
        {
            audience: [
                *(_route(settings, partners, route) for route in to_lanes[audience]),
                *(_member_route(settings, partners, route) for route in to_members[audience]),
            ]
            for audience in to_lanes
        }
    )


def _route(settings: Settings, partners: Partners, route: RouteSettings) -> Route:
    destination = settings.destinations[route.lane.destination]
    partner = partners[destination.kind]
    delivery = partner.delivery(destination, (route.target,))
    assert isinstance(delivery, Changes)
    return Route(
        lane=route.lane.label,
        partition=Partition(route.lane.topic, 0),
        audience_id=route.audience_id,
        route=partner.route(destination, route.target),
        render=partner.renderer(destination, route.target),
        largest_value=delivery.limits.max_bytes - delivery.limits.overhead_bytes,
    )


def _member_route(
    settings: Settings, partners: Partners, route: MemberRouteSettings
) -> MemberRoute:
    destination = settings.destinations[route.destination]
    partner = partners[destination.kind]
    delivery = partner.delivery(destination, (route.target,))
    assert isinstance(delivery, Snapshots)
    return MemberRoute(
        lane=snapshots_label(route.destination),
        topic=route.topic,
        audience_id=route.audience_id,
        render=partner.renderer(destination, route.target),
        absent_consent_removes=delivery.rules.absent_consent_removes,
    )


def snapshots_label(destination: str) -> LaneLabel:
    """The labels in metrics of a destination that takes snapshots, because it has no lanes."""
    return LaneLabel(destination, "snapshots")
