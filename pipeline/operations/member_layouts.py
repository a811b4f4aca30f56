"""That the topics of memberships are laid out as they must be, before anything reads or writes."""

import asyncio
import uuid
from collections.abc import Sequence

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_destinations
from pipeline.domain.names import Names
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import ClusterTrouble
from pipeline.kafka.member_layout import LayoutTopics, find_layout, lay_out
from pipeline.kafka.topic_reader import TopicReader, reading
from pipeline.kafka.topics import TopicTrouble

TRY_AGAIN_SECONDS = 0.5


async def prepare_layouts(
    settings: Settings, client_options: ClientOptions, *, creates: bool
) -> None:
    """Refuse what is laid out otherwise, and where it `creates`, lay out what is new.

    Raises:
        TopicTrouble: a topic is not ours, was emptied, or belongs to another version.
        ClusterTrouble: the cluster cannot be asked now.
    """
    names = Names(settings.kafka.namespace)
    wanted: Sequence[LayoutTopics] = [
        LayoutTopics(members=names.members(name), snapshots=names.snapshots(name))
        for name in snapshot_destinations(settings)
    ]
    patience = settings.kafka.answer_seconds()
    tries = max(1, round(patience / TRY_AGAIN_SECONDS))
    while wanted:
        # Uncommitted records, too: a transaction that hangs must not hide what is there.
        async with reading(client_options, committed_only=False, patience=patience) as reader:
            wanted = await _prepared(reader, client_options, wanted, creates=creates)
        if not creates:
            return  # a run makes those that are missing
        tries -= 1
        if wanted and not tries:
            raise ClusterTrouble(f"topic {wanted[0].members} was made and is not seen; try again")
        if wanted:
            await asyncio.sleep(TRY_AGAIN_SECONDS)


async def _prepared(
    reader: TopicReader,
    client_options: ClientOptions,
    wanted: Sequence[LayoutTopics],
    *,
    creates: bool,
) -> Sequence[LayoutTopics]:
    """Those that the brokers do not tell of yet; all others are laid out."""
    missing = []
    for topics in wanted:
        if not {topics.members, topics.snapshots} <= reader.topics.keys():
            missing.append(topics)
            continue
        found = await find_layout(reader, topics)
        if (why := found.refusal()) is not None:
            raise TopicTrouble(why)
        if creates:
            await lay_out(reader, client_options, found, uuid.uuid4().hex)
    return missing
