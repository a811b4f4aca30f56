"""Writes requests of operators into the topic of the owner of snapshots."""

import time
from dataclasses import dataclass

from pipeline.configuration.kafka import KafkaSettings
from pipeline.configuration.model import Settings
from pipeline.domain.message import Message
from pipeline.domain.names import Names
from pipeline.operations.operator_messages import write_messages
from pipeline.operations.snapshots.audiences import SnapshotPlace, named_place
from pipeline.operations.snapshots.listing import hold_reason, kept_back
from pipeline.operations.snapshots.reading import read_snapshots
from pipeline.operations.trouble import OperationFailed
from pipeline.stages.snapshot.operator_requests import encode_approve, encode_start, request_key


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSnapshot:
    """A file that a guard holds."""

    place: SnapshotPlace
    number: int
    members: int
    rows: int
    ingested: int | None
    """Rows that the partner ingested last."""
    reason: str


async def start_snapshot(
    settings: Settings, audience: str, destination: str | None
) -> SnapshotPlace:
    """Request a snapshot now, even without changes.

    Raises:
        OperationFailed: there is no such audience. UsageRefused: several have this name.
        ClusterTrouble: the request could not be written.
    """
    place = named_place(settings, audience, destination)
    await read_snapshots(settings.kafka, place.destination)  # fails if the topic is missing
    await _ask(settings.kafka, place, encode_start(at_ms=_now_ms()))
    return place


async def find_held(settings: Settings, audience: str, destination: str | None) -> HeldSnapshot:
    """The held file of an audience.

    Raises:
        OperationFailed: there is no such audience, or no file of it is held.
        UsageRefused: several have this name. ClusterTrouble: the cluster cannot be reached.
    """
    place = named_place(settings, audience, destination)
    told = await read_snapshots(settings.kafka, place.destination)
    state = told.state(place.audience_id)
    hold = kept_back(state)
    if hold is None or state.file is None:
        raise OperationFailed(
            f"{place}: no snapshot of it is held (it is {state.state}); see `runs show`"
        )
    return HeldSnapshot(
        place=place,
        number=state.file.n,
        members=state.file.members,
        rows=state.file.rows,
        ingested=None if state.ingested is None else state.ingested.rows,
        reason=hold_reason(hold),
    )


async def approve_snapshot(settings: Settings, held: HeldSnapshot) -> None:
    """Approve this file, and no later one.

    Raises:
        ClusterTrouble: the approval could not be written.
    """
    await _ask(settings.kafka, held.place, encode_approve(held.number, at_ms=_now_ms()))


async def _ask(kafka: KafkaSettings, place: SnapshotPlace, value: bytes) -> None:
    topic = Names(kafka.namespace).snapshots(place.destination)
    message = Message(topic, request_key(place.audience_id), value, ())
    await write_messages(kafka, topic, [message])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
