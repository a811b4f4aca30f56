"""The way of each audience to its lanes, as ingest takes it."""

from collections.abc import Mapping, Sequence

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import routes
from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.stages.ingest.worker import Route
from pipeline.telemetry.facts import LaneLabel


def ingest_routes(settings: Settings) -> Mapping[str, Sequence[Route]]:
    """By our name of the audience; each destination has one renderer."""
    renderers = {
        name: RecordRenderer(
            external_user_id=destination.external_user_id,
            unsupported_country=destination.unsupported_country,
            consent_countries=frozenset(destination.consent_countries),
            consent_needs=destination.consent.tcf.needs(),
        )
        for name, destination in settings.destinations.items()
    }
    return {
        audience: [
            Route(
                lane=LaneLabel(target.lane.destination, target.lane.connection),
                topic=target.lane.topic,
                audience_id=target.audience_id,
                target=",".join(target.target_types).encode(),
                country=target.country,
                renderer=renderers[target.lane.destination],
            )
            for target in targets
        ]
        for audience, targets in routes(settings).items()
    }
