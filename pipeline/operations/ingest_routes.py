"""The way of each audience to its lanes, as ingest takes it."""

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import RouteSettings, routes
from pipeline.destinations.changes import Changes
from pipeline.destinations.contract import Partners
from pipeline.stages.ingest.route import Route, Routes
from pipeline.telemetry.facts import LaneLabel


def ingest_routes(settings: Settings, partners: Partners) -> Routes:
    """By our name of the audience."""
    return Routes(
        {
            audience: [_route(settings, partners, route) for route in found]
            for audience, found in routes(settings).items()
        }
    )


def _route(settings: Settings, partners: Partners, route: RouteSettings) -> Route:
    destination = settings.destinations[route.lane.destination]
    partner = partners[destination.kind]
    delivery = partner.delivery(destination, (route.target,))
    assert isinstance(delivery, Changes)
    return Route(
        lane=LaneLabel(route.lane.destination, route.lane.connection),
        topic=route.lane.topic,
        audience_id=route.audience_id,
        route=partner.route(destination, route.target),
        render=partner.renderer(destination, route.target),
        largest_value=delivery.limits.max_bytes - delivery.limits.overhead_bytes,
    )
