"""Checks across sections: names that must match, lanes that must not share, the buffer's size."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import (
    lane_of,
    lanes,
    snapshot_destinations,
    snapshots_of,
    takes_snapshots,
    targets_at,
)
from pipeline.configuration.sharing import shared_audiences, shared_connections, shared_spaces
from pipeline.configuration.targets import placed_targets
from pipeline.destinations.contract import Partners, TargetSettings
from pipeline.domain.names import Names
from pipeline.settings.problems import KeyPath, Problem, SettingsError, dotted, suggestion
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.registry import compile_source

OWN_TOPICS = ("records", "jobs", "outcomes", "dead-letters", "controls", "members.", "snapshots.")
LONGEST_TOPIC = 249


def inconsistencies(settings: Settings, partners: Partners) -> list[Problem]:
    """Every inconsistency; lanes are checked only if all their destinations exist."""
    found = [
        *_names(settings),
        *_sources(settings),
        *_unusable_sources(settings),
        *_clocks(settings),
    ]
    unknown = list(_unknown_destinations(settings))
    if unknown:
        return [*found, *unknown]
    return [
        *found,
        *shared_connections(settings),
        *shared_spaces(settings, partners),
        *shared_audiences(settings, partners),
        *_topics(settings),
        *_room(settings, partners),
        *_of_partners(settings, partners),
        *_windows(settings, partners),
    ]


def _names(settings: Settings) -> Iterator[Problem]:
    audiences = [audience.audience for audience in settings.audiences]
    for place, name in _repeated(audiences):
        yield Problem(
            path=("audiences", place, "audience"),
            what="is configured twice",
            value=repr(name),
            remedy="put all its destinations under one entry",
        )
    yield from _upstream_names(settings)
    destinations = list(settings.destinations)
    folded = [name.casefold().replace("-", "_") for name in destinations]
    for place, _ in _repeated(folded):
        yield Problem(
            path=("destinations", destinations[place]),
            what="differs from another name only in letter case or in '-' and '_', "
            "so an environment variable could mean either",
            remedy="rename one of them",
        )


def _upstream_names(settings: Settings) -> Iterator[Problem]:
    owners = {one.audience: one.audience for one in settings.audiences}
    for row, one in enumerate(settings.audiences):
        for place, name in _repeated(list(one.upstream)):
            yield Problem(
                path=("audiences", row, "upstream", place),
                what="is in the list twice",
                value=repr(name),
                remedy="remove one of the two",
            )
        for place, name in enumerate(one.upstream):
            owner = owners.setdefault(name, one.audience)
            if owner != one.audience:
                yield Problem(
                    path=("audiences", row, "upstream", place),
                    what=f"is also a name of the audience {owner!r}",
                    value=repr(name),
                    remedy="keep it at one of the two",
                )


def _sources(settings: Settings) -> Iterator[Problem]:
    topics = [source.topic for source in settings.sources]
    for place, topic in _repeated(topics):
        yield Problem(
            path=("sources", place, "topic"),
            what="is read twice",
            value=repr(topic),
            remedy="remove one of the two",
        )
    own = tuple(f"{settings.kafka.namespace}.{name}" for name in OWN_TOPICS)
    for place, topic in enumerate(topics):
        if topic.startswith(own):
            yield Problem(
                path=("sources", place, "topic"),
                what="is a topic that this program writes, so it would read its own messages",
                value=repr(topic),
                remedy="read another topic, or change kafka.namespace "
                f"({settings.kafka.namespace!r})",
            )


def _unusable_sources(settings: Settings) -> Iterator[Problem]:
    """Files and functions of sources that cannot be used."""
    for place, source in enumerate(settings.sources):
        try:
            compile_source(source, audiences={}, schemas=Schemas())
        except SettingsError as error:
            for problem in error.problems:
                yield replace(problem, path=("sources", place, *problem.path))


def _clocks(settings: Settings) -> Iterator[Problem]:
    least_ms = settings.drained_session_ms() + settings.kafka.heartbeat_interval_ms
    if settings.rebalance_timeout_ms() <= least_ms:
        yield Problem(
            path=("kafka", "rebalance_timeout_ms"),
            what="must be more than session_timeout_ms, upload.drain_seconds and "
            "heartbeat_interval_ms together, or a lane could have two owners",
            value=str(settings.rebalance_timeout_ms()),
            remedy=f"set it above {least_ms}, or to null",
        )
    if settings.run.grace_seconds <= settings.upload.drain_seconds:
        yield Problem(
            path=("run", "grace_seconds"),
            what="must be more than upload.drain_seconds, or nothing is settled at a stop",
            value=f"{settings.run.grace_seconds:g}",
            remedy=f"set it above {settings.upload.drain_seconds:g}",
        )


def _windows(settings: Settings, partners: Partners) -> Iterator[Problem]:
    """The time window of a new owner's run must not include a file of the former owner."""
    for name in snapshot_destinations(settings):
        least_ms = 2_000 * snapshots_of(settings, name, partners).rules.window_margin
        if settings.kafka.session_timeout_ms <= least_ms:
            yield Problem(
                path=("kafka", "session_timeout_ms"),
                what=f"must be more than twice snapshot.window_seconds of {name}, or a run could "
                "also take a file of a former owner",
                value=str(settings.kafka.session_timeout_ms),
                remedy=f"set it above {least_ms}",
            )


def _targets(settings: Settings) -> Iterator[tuple[KeyPath, TargetSettings]]:
    return ((placed.path, placed.target) for placed in placed_targets(settings.audiences))


def _unknown_destinations(settings: Settings) -> Iterator[Problem]:
    for path, target in _targets(settings):
        if target.destination not in settings.destinations:
            yield Problem(
                path=(*path, "destination"),
                what="no destination of this name",
                value=repr(target.destination),
                remedy=suggestion(target.destination, tuple(settings.destinations)),
            )


def _topics(settings: Settings) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for path, target in _targets(settings):
        topic = _longest_topic(settings, target)
        if len(topic) > LONGEST_TOPIC:
            yield Problem(
                path=("kafka", "namespace"),
                what=f"makes the topic of {dotted(path)} {len(topic)} characters long, "
                f"and Kafka takes {LONGEST_TOPIC}",
                value=repr(settings.kafka.namespace),
                remedy="shorten it, or the name of the destination",
            )
        # Kafka refuses a topic whose name differs from another's in '.' and '_' alone.
        other = names.setdefault(topic.replace(".", "_"), topic)
        if other != topic:
            yield Problem(
                path=path,
                what=f"its topic {topic!r} collides with {other!r}, which Kafka refuses",
                remedy="rename a destination",
            )


def _longest_topic(settings: Settings, target: TargetSettings) -> str:
    """The longest name among the topics of this target."""
    if takes_snapshots(settings, target):
        return Names(settings.kafka.namespace).snapshots(target.destination)
    return lane_of(settings, target).topic


def _room(settings: Settings, partners: Partners) -> Iterator[Problem]:
    needs: dict[str, int] = defaultdict(int)
    for lane in lanes(settings):
        destination = settings.destinations[lane.destination]
        needs[lane.destination] += partners[destination.kind].buffer_bytes(destination)
    needed = sum(needs.values())
    if settings.upload.buffer_bytes < needed:
        yield Problem(
            path=("upload", "buffer_bytes"),
            what=f"must hold two batches of each of the {len(lanes(settings))} lanes",
            value=str(settings.upload.buffer_bytes),
            remedy=f"set it to {needed} or more, or lower batch.max_bytes",
        )


def _of_partners(settings: Settings, partners: Partners) -> Iterator[Problem]:
    for name, destination in settings.destinations.items():
        targets = targets_at(settings, name)
        for problem in partners[destination.kind].problems(destination, targets):
            yield replace(problem, path=("destinations", name, *problem.path))


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield place, name
        seen.add(name)
