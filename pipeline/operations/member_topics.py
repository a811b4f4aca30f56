"""The topics of memberships as they must be, before anything reads or writes.

What is wrong with one destination's topic is found and told, and keeps no other from being served.
"""

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence

import structlog

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations
from pipeline.domain.member_record import PARTITIONS
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble, admin_client
from pipeline.kafka.member_layout import LayoutTopics, find_layout, lay_out
from pipeline.kafka.members_check import made_otherwise, unmade
from pipeline.kafka.topic_plans import TopicPlan, compacted_topic, members_topic
from pipeline.kafka.topic_reader import TopicReader, reading
from pipeline.kafka.topics import Topics, TopicTrouble
from pipeline.stages.snapshot.members_trouble import MembersTrouble

TRY_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


def snapshot_topics(names: Names, destination: str) -> Sequence[TopicPlan]:
    """The two of a destination that takes snapshots: its members' first."""
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
    """What is wrong with the members topics, at most one trouble a destination.

    Where it `creates`, it makes topics that are missing and lays out those that are new.

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
        found = await _made(topics, plans) if creates else {}
        found |= await _made_otherwise(topics, plans, found)
    readable = [name for name in chosen if name not in found or not found[name].stops_ingest]
    laid_out = await _layouts(settings, client_options, readable, creates=creates)
    return list({**found, **laid_out}.values())


async def _made(
    topics: Topics, plans: Mapping[str, Sequence[TopicPlan]]
) -> dict[str, MembersTrouble]:
    """Create what is missing; returns what could not be created."""
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
    """Of the topics that the brokers tell of: those just made may not be among them yet."""
    found = await topics.needed([members for members, _ in plans.values()])
    troubles = {
        destination: made_otherwise(destination, members, found)
        for destination, (members, _) in plans.items()
        if destination not in missing and members.name in found
    }
    return {name: trouble for name, trouble in troubles.items() if trouble is not None}


async def _layouts(
    settings: Settings,
    client_options: ClientOptions,
    destinations: Sequence[str],
    *,
    creates: bool,
) -> Mapping[str, MembersTrouble]:
    names, patience = Names(settings.kafka.namespace), settings.kafka.answer_seconds()
    wanted: Sequence[LayoutTopics] = [layout_topics(names, name) for name in destinations]
    troubles: dict[str, MembersTrouble] = {}
    tries = max(1, round(patience / TRY_AGAIN_SECONDS))
    while wanted:
        # Uncommitted records, too: a transaction that hangs must not hide what is there.
        async with reading(client_options, committed_only=False, patience=patience) as reader:
            wanted = await _laid_out(reader, client_options, wanted, troubles, creates=creates)
        if not creates:
            break  # a run makes those that are missing
        tries -= 1
        if wanted and not tries:
            raise ClusterTrouble(f"topic {wanted[0].members} was made and is not seen; try again")
        if wanted:
            await asyncio.sleep(TRY_AGAIN_SECONDS)
    return troubles


async def _laid_out(
    reader: TopicReader,
    client_options: ClientOptions,
    wanted: Sequence[LayoutTopics],
    troubles: dict[str, MembersTrouble],
    *,
    creates: bool,
) -> Sequence[LayoutTopics]:
    """Those that the brokers do not tell of yet; all others are laid out, or in trouble."""
    missing = []
    for topics in wanted:
        if not {topics.members, topics.snapshots} <= reader.topics.keys():
            missing.append(topics)
            continue
        found = await find_layout(reader, topics)
        if (trouble := found.trouble()) is not None:
            troubles[topics.destination] = trouble
        elif creates:
            await lay_out(reader, client_options, found, uuid.uuid4().hex)
    return missing
