"""How a topic of memberships is laid out: written when it is made, and looked for at every start.

The layout record stands in every partition of the topic, and once in the topic that its owner
writes its states to. That one is written last: where it stands, all others were written, so a
partition that is empty was emptied, or its topic was made anew. It must not be read as an audience
without members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    OtherVersion,
    Unreadable,
    decode_layout,
    encode_layout,
)
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.closing import close
from pipeline.kafka.cluster import ClusterTrouble, started
from pipeline.kafka.producer import make_producer
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader

Said: TypeAlias = Layout | OtherVersion | Unreadable | None
"""By a layout record, or by none."""
PROPOSAL_KEY = LAYOUT_KEY + b"proposed"
"""In the owner's topic, until the layout is written; nobody but a start reads it."""
START_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutTopics:
    """Where the layout of one destination's memberships stands."""

    members: str
    """Of all memberships: a record in every partition."""
    snapshots: str
    """Of the owner: one record, once all the others are durable."""

    @property
    def owner(self) -> TopicPartition:
        return TopicPartition(self.snapshots, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLayout:
    """What stands in the two topics."""

    topics: LayoutTopics
    agreed: Said
    """In the owner's topic."""
    first: Said
    """In the first partition of the members' topic; not asked for where something is agreed."""
    empty: Sequence[int]
    """Partitions of the members' topic."""

    def refusal(self) -> str | None:
        """Why this is no topic that memberships can be kept in; None where it is one."""
        members, snapshots = self.topics.members, self.topics.snapshots
        for said in (self.agreed, self.first):
            if said is not None and not _is_ours(said):
                return (
                    f"topic {members} is laid out by another version of this program, or by none; "
                    "run that version, or give kafka.namespace another name"
                )
        if self.agreed is not None and self.empty:
            return (
                f"topic {members} is empty in {len(self.empty)} of its {PARTITIONS} partitions, "
                f"and {snapshots} says that all of them were written: it was emptied or made anew, "
                "and a snapshot of it would let everybody leave; restore it, or delete both topics "
                "and have upstream send every membership once more"
            )
        if self.agreed is None and 0 not in self.empty and self.first is None:
            return (
                f"topic {members} holds messages and does not say how it is laid out: it is not a "
                "topic of memberships of this program; give kafka.namespace another name, or "
                "delete the topic, and the next start makes it anew"
            )
        return None


async def find_layout(reader: TopicReader, topics: LayoutTopics) -> FoundLayout:
    """What stands there now; changes nothing.

    Raises:
        TopicMissing: one of the two does not exist.
        ClusterTrouble, aiokafka.errors.KafkaError: the cluster failed.
    """
    partitions = reader.partitions(topics.members)
    oldest = await reader.oldest(partitions)
    ends = await reader.ends(oldest)
    empty = [tp.partition for tp in partitions if oldest[tp] >= ends[tp]]
    agreed = await _first_layout(reader, topics.owner, LAYOUT_KEY)
    first = None if agreed is not None else await _first_layout(reader, partitions[0], LAYOUT_KEY)
    return FoundLayout(topics=topics, agreed=agreed, first=first, empty=empty)


async def lay_out(
    reader: TopicReader, client_options: ClientOptions, found: FoundLayout, new_uuid: str
) -> None:
    """Write what is missing of a layout that is not refused.

    Where several processes start at once they propose, and the first proposal counts for all: two
    layouts in one topic would be none.

    Raises:
        ClusterTrouble: it could not be written now.
    """
    if found.agreed is not None:
        return
    members, owner = found.topics.members, found.topics.owner
    agreed = found.first or await _first_layout(reader, owner, PROPOSAL_KEY)
    if agreed is None:
        await _write(client_options, [owner], PROPOSAL_KEY, new_uuid)
        agreed = await _first_layout(reader, owner, PROPOSAL_KEY)
    if not isinstance(agreed, Layout):
        raise ClusterTrouble(f"topic {owner.topic} lost what was just written to it; try again")
    # The first partition first: it is where a start that was killed is gone on from.
    missing = [TopicPartition(members, number) for number in found.empty]
    await _write(client_options, missing, LAYOUT_KEY, agreed.uuid)
    await _write(client_options, [owner], LAYOUT_KEY, agreed.uuid)


def _is_ours(said: Layout | OtherVersion | Unreadable) -> bool:
    if not isinstance(said, Layout):
        return False
    return (said.partitions, said.spread, said.hash) == (PARTITIONS, SPREAD, HASH)


async def _first_layout(reader: TopicReader, tp: TopicPartition, key: bytes) -> Said:
    """What the first record with this key says of the layout; None where there is none."""
    found: list[bytes | None] = []

    def take(record: PlacedRecord) -> None:
        if record.key == key:
            found.append(record.value)

    oldest = await reader.oldest([tp])
    await reader.read(oldest, await reader.ends(oldest), take)
    return decode_layout(found[0]) if found else None


async def _write(
    client_options: ClientOptions, partitions: Sequence[TopicPartition], key: bytes, uuid: str
) -> None:
    """Layout records, durable when this returns."""
    if not partitions:
        return
    value = encode_layout(Layout(uuid, PARTITIONS, SPREAD, HASH))
    make = partial(make_producer, client_options, idempotent=False)
    producer = await started(make, close, client_options, START_SECONDS)
    try:
        for tp in partitions:
            await producer.send_and_wait(tp.topic, value, key, partition=tp.partition)
    except kafka_errors.KafkaError as error:
        raise ClusterTrouble(
            f"topic {partitions[0].topic} cannot be written ({type(error).__name__}); grant "
            "Write to it, or try again"
        ) from error
    finally:
        await close(producer)
