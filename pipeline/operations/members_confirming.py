"""Records an operator's confirmation that a members topic that lost records is complete again."""

from dataclasses import dataclass

from pipeline.configuration.model import Settings
from pipeline.domain.names import Names
from pipeline.kafka.member_layout import FoundLayout, confirm, find_layout
from pipeline.kafka.topic_reader import reading
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.member_topics import layout_topics, member_troubles
from pipeline.operations.snapshots.audiences import chosen_snapshot_destinations
from pipeline.operations.trouble import OperationFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmableMembers:
    """A members topic that can be confirmed."""

    destination: str
    found: FoundLayout
    what: str
    """The present state of the topic, in a sentence."""


async def find_confirmable(settings: Settings, destination: str) -> ConfirmableMembers:
    """The members topic of a destination.

    Raises:
        UsageRefused: no such destination takes snapshots.
        OperationFailed: the topic has another fault, which must be repaired first.
        ClusterTrouble: the cluster cannot be asked now, or no run has made the topic yet.
    """
    [name] = chosen_snapshot_destinations(settings, destination)
    options = client_options(settings.kafka)
    troubles = await member_troubles(settings, options, creates=False, destinations=[name])
    for trouble in troubles:
        if trouble.cause != "emptied":
            raise OperationFailed(trouble.why)
    topics = layout_topics(Names(settings.kafka.namespace), name)
    patience = settings.kafka.answer_seconds()
    async with reading(options, committed_only=False, patience=patience) as reader:
        reader.partitions(topics.snapshots)
        found = await find_layout(reader, topics)
    if found.agreed is None:
        raise OperationFailed(f"topic {topics.members} has no layout yet; the next start writes it")
    lost = len(found.gone)
    return ConfirmableMembers(
        destination=name,
        found=found,
        what=(
            f"topic {topics.members} has lost records in {lost} of its partitions"
            if lost
            else f"nothing is missing at the edges of topic {topics.members}"
        ),
    )


async def confirm_members(settings: Settings, confirmable: ConfirmableMembers) -> None:
    """Write the confirmation that the topic holds all members again.

    Raises:
        ClusterTrouble: the confirmation could not be written; it is safe to try again.
    """
    await confirm(client_options(settings.kafka), confirmable.found)
