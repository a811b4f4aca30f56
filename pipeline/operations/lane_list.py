"""Lists every lane and the records that wait in it, also lanes that left the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.domain.names import Names
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.lane_positions import LaneTopicFacts
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.lane_topics import facts_of, lane_topics, moved_of
from pipeline.operations.moments import moment
from pipeline.operations.moved_audiences import MovedAudience
from pipeline.operations.pauses import PauseRequests, places, read_pause_requests


@dataclass(frozen=True, slots=True, kw_only=True)
class PausedLine:
    """One audience that is paused, or still has records from a pause."""

    audience_id: str
    audiences: tuple[str, ...]
    """The audience's names in upstream events."""
    state: str
    """pausing: the owner of the lane has not seen the request yet; paused; resuming."""
    since: int | None
    """The first offset whose records of the audience are not sent yet; None: not known."""

    def __str__(self) -> str:
        since = "" if self.since is None else f" since {self.since}"
        return f"{self.audience_id} {self.state}{since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLine:
    """One lane."""

    lane: str
    configured: bool
    waiting: int
    """Offsets from the committed one to the end, with markers of transactions."""
    oldest_waiting: str | None
    committed: int | None
    end: int
    clean: bool | None
    """Whether the last owner left with every request answered; false while an owner works."""
    paused: tuple[PausedLine, ...]
    moved: tuple[MovedAudience, ...]
    """Audiences that now go through another lane, but have older records waiting in this one."""


async def list_lanes(settings: Settings) -> Sequence[LaneLine]:
    """Every lane that has a topic.

    Raises:
        ClusterTrouble: the cluster cannot be reached.
    """
    requests = await read_pause_requests(settings)
    names = {(one.lane, one.audience_id): one.names for one in places(settings, requests)}
    kafka = settings.kafka
    options = client_options(kafka)
    async with admin_client(options, kafka.answer_seconds()) as admin:
        existing = await Topics(admin, None).partitions()
        here, left = lane_topics(settings, existing)
        facts = await facts_of(settings, admin, options, [*here, *left])
        moved = await moved_of(settings, options, facts)
    prefix = Names(kafka.namespace).lane_prefix
    return [
        _line(
            one,
            one.topic.removeprefix(prefix),
            requests,
            names,
            [line for line in moved if prefix + line.lane == one.topic],
            is_configured=one.topic in here,
        )
        for one in facts
    ]


def _line(
    facts: LaneTopicFacts,
    lane: str,
    requests: PauseRequests,
    names: Mapping[tuple[str, str], tuple[str, ...]],
    moved: Sequence[MovedAudience],
    *,
    is_configured: bool,
) -> LaneLine:
    said = facts.said
    requested = requests.get(lane, {})
    return LaneLine(
        lane=lane,
        configured=is_configured,
        waiting=facts.waiting,
        oldest_waiting=None if facts.oldest_ms is None else moment(facts.oldest_ms),
        committed=facts.committed,
        end=facts.end,
        clean=None if said is None else said.is_clean,
        paused=_paused(lane, {} if said is None else said.paused, requested, names),
        moved=tuple(moved),
    )


def _paused(
    lane: str,
    paused: Mapping[str, int],
    requested: Mapping[str, bool],
    names: Mapping[tuple[str, str], tuple[str, ...]],
) -> tuple[PausedLine, ...]:
    """Audiences that the owner of the lane has paused, or that operators asked it to pause."""
    asked = (audience for audience, is_paused in requested.items() if is_paused)
    return tuple(
        PausedLine(
            audience_id=audience,
            audiences=names.get((lane, audience), ()),
            state=_state(audience in paused, is_requested=requested.get(audience, False)),
            since=paused.get(audience),
        )
        for audience in sorted({*paused, *asked})
    )


def _state(is_paused: bool, *, is_requested: bool) -> str:
    if not is_requested:
        return "resuming"
    return "paused" if is_paused else "pausing"
