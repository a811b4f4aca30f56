"""Pauses and resumes audiences: writes requests of operators to the topic of controls."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import lanes, routes
from pipeline.domain.message import Message
from pipeline.domain.names import Names
from pipeline.domain.pause_request import RequestedPauses, encode_pause_request, pause_request_key
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.pause_requests import PauseRequestReader
from pipeline.kafka.topic_plans import compacted_topic
from pipeline.kafka.topics import Topics, TopicTrouble
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.member_ledger import file_destinations
from pipeline.operations.operator_messages import write_messages
from pipeline.operations.partner_api import refuse_unknown
from pipeline.operations.trouble import OperationFailed
from pipeline.settings.problems import suggestion

PATIENCE_SECONDS = 30.0

PauseRequests = Mapping[str, RequestedPauses]
"""The requests for audiences, by lane."""


class Place(NamedTuple):
    """One audience of the partner in one lane."""

    lane: str
    audience_id: str
    names: tuple[str, ...]
    """The upstream audiences that feed it."""

    def __str__(self) -> str:
        names = f" ({', '.join(self.names)})" if self.names else ""
        return f"audience {self.audience_id}{names} of lane {self.lane}"


@dataclass(frozen=True, slots=True)
class PauseChange:
    """The result of a request for one audience in one lane."""

    place: Place
    is_paused: bool
    """The requested and now valid state."""
    has_changed: bool
    """False: the state was the same before."""
    is_served: bool
    """False: the lane is not in the configuration, so no process reads the request."""


async def turn_pauses(
    settings: Settings, audience: str, destination: str | None, *, is_paused: bool
) -> Sequence[PauseChange]:
    """Pause or resume an audience in every lane that it goes to, of one destination or of all.

    Raises:
        UsageRefused: there is no such destination. OperationFailed: there is no such audience.
        ClusterTrouble: the request could not be written.
    """
    refuse_unknown(settings, destination)
    refuse_files(settings, audience)
    requests = await read_pause_requests(settings)
    found = meant(places(settings, requests), audience, destination)
    changing = [one for one in found if _is_paused(requests, one) is not is_paused]
    await request_pauses(settings, changing, is_paused=is_paused)
    served = {lane.name for lane in lanes(settings)}
    return [PauseChange(one, is_paused, one in changing, one.lane in served) for one in found]


def _is_paused(requests: PauseRequests, place: Place) -> bool:
    return requests.get(place.lane, {}).get(place.audience_id, False)


def places(settings: Settings, requests: PauseRequests) -> list[Place]:
    """Every audience of the configuration, and every audience with a pause request."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for name, targets in routes(settings).items():
        for target in targets:
            key = (target.lane.name, target.audience_id)
            found[key] = (*found.get(key, ()), name)
    for lane, requested in requests.items():
        for audience_id in requested:
            found.setdefault((lane, audience_id), ())
    return [Place(lane, audience_id, names) for (lane, audience_id), names in found.items()]


def refuse_files(settings: Settings, audience: str) -> None:
    """Refuse an audience that goes through no lane.

    Raises:
        OperationFailed: the audience, by its upstream name, is delivered only as files.
    """
    files = file_destinations(settings, audience)
    if files and not routes(settings)[audience]:
        raise OperationFailed(
            f"audience {audience!r} goes through no lane, and only lanes can be paused: "
            f"{', '.join(files)} gets files of it; see `runs list`"
        )


def meant(known: Iterable[Place], audience: str, destination: str | None) -> list[Place]:
    """The places of an audience, by its upstream name or its id; at every destination with None.

    Raises:
        OperationFailed: there is none; the message names the nearest.
    """
    places_there = [one for one in known if destination in (None, one.lane.partition(".")[0])]
    found = [one for one in places_there if audience in (*one.names, one.audience_id)]
    if not found:
        names = {name for one in places_there for name in (*one.names, one.audience_id)}
        raise OperationFailed(
            f"no audience {audience!r} goes to {destination or 'any destination'}; "
            f"{suggestion(audience, sorted(names))}"
        )
    return found


async def read_pause_requests(settings: Settings) -> PauseRequests:
    """Read all pause requests; creates the topic if it is missing.

    Raises:
        ClusterTrouble: the cluster does not answer. OperationFailed: the topic cannot be made.
    """
    kafka = settings.kafka
    topic = Names(kafka.namespace).controls
    options = client_options(kafka)
    async with admin_client(options, kafka.answer_seconds()) as admin:
        try:
            await Topics(admin, kafka.replication_factor).create([compacted_topic(topic)])
        except TopicTrouble as trouble:
            raise OperationFailed(str(trouble)) from trouble
    reader = PauseRequestReader(options, topic)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
            following = tasks.create_task(reader.follow(), name="controls")
            await reader.known()
            following.cancel()
    except TimeoutError as error:
        raise ClusterTrouble(
            f"topic {topic} cannot be read: it is offline, or we may not read it"
        ) from error
    return reader.lanes


async def request_pauses(
    settings: Settings, found: Sequence[Place], *, is_paused: bool | None
) -> None:
    """Write a request for each of these audiences; None withdraws an earlier request.

    Raises:
        ClusterTrouble: the requests could not be written.
    """
    topic = Names(settings.kafka.namespace).controls
    value = None
    if is_paused is not None:
        value = encode_pause_request(is_paused=is_paused, at_ms=time.time_ns() // 1_000_000)
    messages = [
        Message(topic, pause_request_key(one.lane, one.audience_id), value, ()) for one in found
    ]
    await write_messages(settings.kafka, topic, messages)
