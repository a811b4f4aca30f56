"""Prepares and checks the members topics before anything reads or writes them.

A fault of one destination's topic is reported; it does not stop the other destinations.
"""

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import structlog

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations
from pipeline.domain.member_record import PARTITIONS
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.member_layout import (
    LayoutTopics,
    TopicForbidden,
    find_layout,
    is_laid_out,
    lay_out,
)
from pipeline.kafka.members_check import denied, made_otherwise, unmade
from pipeline.kafka.topic_plans import TopicPlan, compacted_topic, members_topic
from pipeline.kafka.topic_reader import TopicMissing, TopicReader, reading
from pipeline.kafka.topics import Topics, TopicTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble

TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


def snapshot_topics(names: Names, destination: str) -> Sequence[TopicPlan]:
    """The two topics of a destination that takes snapshots; the members topic is first."""
    return [
        members_topic(names.members(destination), PARTITIONS),
        compacted_topic(names.snapshots(destination)),
    ]


def layout_topics(names: Names, destination: str) -> LayoutTopics:
    return LayoutTopics(
        destination=destination,
        members=names.members(destination),
        snapshots=names.snapshots(destination),
    )


async def member_troubles(
    settings: Settings,
    client_options: ClientOptions,
    *,
    creates: bool,
    destinations: Collection[str] | None = None,
) -> Sequence[MembersTrouble]:
    """The faults of the members topics, at most one for each destination.

    With `creates`, create missing topics and write the layout of new ones.

    Raises:
        ClusterTrouble: the cluster cannot be asked now.
    """
    chosen = snapshot_destinations(settings) if destinations is None else destinations
    if not chosen:
        return []
    names, patience = Names(settings.kafka.namespace), settings.kafka.answer_seconds()
    plans = {name: snapshot_topics(names, name) for name in chosen}
    async with admin_client(client_options, patience) as admin:
        topics = Topics(admin, settings.kafka.replication_factor)
        barred = await _denied(topics, plans)
        plans = {name: wanted for name, wanted in plans.items() if name not in barred}
        found = await _made(topics, plans) if creates else {}
        found |= await _made_otherwise(topics, plans, found)
    readable = [name for name in plans if name not in found or not found[name].stops_ingest]
    for name in readable:
        trouble = await _layout(settings, client_options, name, creates=creates)
        found |= {} if trouble is None else {name: trouble}
    for name, trouble in barred.items():
        found[name] = await _as_laid_out(settings, client_options, trouble)
    return list(found.values())


async def _denied(
    topics: Topics, plans: Mapping[str, Sequence[TopicPlan]]
) -> Mapping[str, MembersTrouble]:
    """The faults of topics that we may not read; first, because such topics look missing."""
    names = [plan.name for wanted in plans.values() for plan in wanted]
    missing = await topics.forbidden(names)
    return {
        destination: denied(
            destination,
            wanted[0].name,
            {plan.name: missing[plan.name] for plan in wanted if plan.name in missing},
        )
        for destination, wanted in plans.items()
        if any(plan.name in missing for plan in wanted)
    }


async def _as_laid_out(
    settings: Settings, client_options: ClientOptions, trouble: MembersTrouble
) -> MembersTrouble:
    """The fault of a topic that we may not read: ingest waits unless the topic has its layout.

    A partition with records before its layout record has no valid layout.
    """
    if trouble.stops_ingest:
        return trouble
    if trouble.stops_owner:
        return replace(trouble, stops_ingest=True)
    topics = layout_topics(Names(settings.kafka.namespace), trouble.destination)
    patience = settings.kafka.answer_seconds()
    try:
        async with reading(client_options, committed_only=False, patience=patience) as reader:
            is_known = await is_laid_out(reader, topics)
    except TopicMissing:
        is_known = False
    return replace(trouble, stops_ingest=not is_known)


async def _made(
    topics: Topics, plans: Mapping[str, Sequence[TopicPlan]]
) -> dict[str, MembersTrouble]:
    """Create missing topics; returns those that could not be created."""
    troubles = {}
    for destination, wanted in plans.items():
        try:
            for name in await topics.create(wanted):
                log.info("topic created", topic=name)
        except TopicTrouble as trouble:
            troubles[destination] = unmade(destination, wanted[0], str(trouble))
    return troubles


async def _made_otherwise(
    topics: Topics,
    plans: Mapping[str, Sequence[TopicPlan]],
    missing: Collection[str],
) -> Mapping[str, MembersTrouble]:
    """The faults of settings of topics; the brokers may not show topics created just now."""
    found = await topics.needed([members for members, _ in plans.values()])
    troubles = {
        destination: made_otherwise(destination, members, found)
        for destination, (members, _) in plans.items()
        if destination not in missing and members.name in found
    }
    return {name: trouble for name, trouble in troubles.items() if trouble is not None}


async def _layout(
    settings: Settings, client_options: ClientOptions, destination: str, *, creates: bool
) -> MembersTrouble | None:
    """Write the layout of a new topic, or return the fault in the layout of an old one."""
    topics = layout_topics(Names(settings.kafka.namespace), destination)
    patience = settings.kafka.answer_seconds()
    for _ in range(max(1, round(patience / TRY_AGAIN_SECONDS))):
        # Read uncommitted records too: an open transaction must not hide records.
        async with reading(client_options, committed_only=False, patience=patience) as reader:
            if {topics.members, topics.snapshots} <= reader.topics.keys():
                return await _laid_out(reader, client_options, topics, creates=creates)
        if not creates:
            return None  # the next `run` creates it
        await asyncio.sleep(TRY_AGAIN_SECONDS)
    raise ClusterTrouble(f"topic {topics.members} was created, but is not visible yet; try again")


async def _laid_out(
    reader: TopicReader, client_options: ClientOptions, topics: LayoutTopics, *, creates: bool
) -> MembersTrouble | None:
    try:
        found = await find_layout(reader, topics)
        trouble = found.trouble()
        if trouble is None and creates:
            await lay_out(reader, client_options, found, uuid.uuid4().hex)
    except TopicForbidden as error:
        # Only now do the brokers refuse access to a topic that did not exist before.
        missing = {error.topic: [error.operation]}
        trouble = replace(denied(topics.destination, topics.members, missing), stops_ingest=True)
    return trouble
