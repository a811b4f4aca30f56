"""Collects label values of metrics from the configuration, so that counters begin at zero."""

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, member_routes, routes, snapshot_destinations
from pipeline.domain.names import Names
from pipeline.operations.cluster_setup import own_topics
from pipeline.telemetry.first_values import KnownLabels


def known_labels(settings: Settings) -> KnownLabels:
    """Every label value that the configuration contains.

    Partitions of upstream topics are missing, because only the brokers know their number.
    """
    audiences = {
        (route.lane.label, route.audience_id)
        for targets in routes(settings).values()
        for route in targets
    }
    snapshots = {
        (route.destination, route.audience_id)
        for targets in member_routes(settings).values()
        for route in targets
    }
    names = Names(settings.kafka.namespace)
    memberships = {names.members(name) for name in snapshot_destinations(settings)}
    return KnownLabels(
        sources=[source.topic for source in settings.sources],
        destinations=list(settings.destinations),
        lanes=[lane.label for lane in lanes(settings)],
        audiences=list(audiences),
        partitions=[
            (topic.name, number)
            for topic in own_topics(settings)
            if topic.name not in memberships  # no group reads those
            for number in range(topic.partitions)
        ],
        snapshots=sorted(snapshots),
    )
