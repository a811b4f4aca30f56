"""The layout of a topic of memberships: written when the topic is made, and checked at each start.

Every partition of the topic has a layout record, and so has the owner's topic. The owner's record
is written last. So if it exists, all others were written, and an empty partition was emptied, or
its topic was made anew. We must not read such a partition as an audience without members.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from pipeline.kafka.topic_permissions import Operation
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader
from pipeline.stages.snapshot.members_trouble import (
    BEGINS_KEY,
    Bounds,
    KnownMembers,
    MembersTrouble,
    decode_begins,
    emptied,
    encode_begins,
    lossy,
)

Said: TypeAlias = Layout | OtherVersion | Unreadable | None
"""What a layout record says; None without a record."""
PROPOSAL_KEY = LAYOUT_KEY + b"proposed"
"""Key of the proposal in the owner's topic, until the layout is written; only a start reads it."""
START_SECONDS = 10.0


class TopicForbidden(ClusterTrouble):
    """The brokers deny us a topic, though they allowed it when we asked."""

    def __init__(self, topic: str, operation: Operation) -> None:
        super().__init__(f"topic {topic} is forbidden to us ({operation})")
        self.topic = topic
        self.operation = operation


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutTopics:
    """The two topics with the layout of one destination's memberships."""

    destination: str
    members: str
    """The topic of all memberships; each partition has a layout record."""
    snapshots: str
    """The owner's topic; it gets one layout record, once all the others are durable."""

    @property
    def owner(self) -> TopicPartition:
        return TopicPartition(self.snapshots, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLayout:
    """What the two topics say about the layout."""

    topics: LayoutTopics
    agreed: Said
    """The layout in the owner's topic."""
    first: Said
    """The layout in partition 0 of the members topic; not looked up if `agreed` is there."""
    bounds: Sequence[Bounds]
    """First offset and end of each partition of the members topic."""
    begins: Mapping[int, int]
    """First offsets that an operator accepted, by partition."""

    @property
    def empty(self) -> Sequence[int]:
        """Empty partitions of the members topic."""
        return [number for number, (begin, end) in enumerate(self.bounds) if begin >= end]

    def trouble(self) -> MembersTrouble | None:
        """Return why the topic cannot hold memberships or yield snapshots; None if it is fine."""
        members = self.topics.members
        for said in (self.agreed, self.first):
            if said is not None and not _is_ours(said):
                return self._foreign(
                    f"topic {members} has the layout of another version, or of another "
                    "program; run that version, or give kafka.namespace another name"
                )
        if self.agreed is None and 0 not in self.empty and self.first is None:
            return self._foreign(
                f"topic {members} holds messages but no layout record: it is not a topic of "
                "memberships of this program; give kafka.namespace another name, or delete the "
                "topic, and it is created again"
            )
        return emptied(self.topics.destination, members, self.bounds, self._known)

    @property
    def gone(self) -> Sequence[int]:
        """Partitions that have lost records, as far as their first offset and end show it."""
        return lossy(self.bounds, self._known)

    @property
    def _known(self) -> KnownMembers:
        return KnownMembers(is_laid_out=self.agreed is not None, begins=self.begins)

    def _foreign(self, why: str) -> MembersTrouble:
        """Return a trouble that stops ingest: nobody would find its records in this topic."""
        return MembersTrouble(
            destination=self.topics.destination,
            topic=self.topics.members,
            cause="foreign",
            why=why,
            stops_ingest=True,
        )


async def find_layout(reader: TopicReader, topics: LayoutTopics) -> FoundLayout:
    """Read what the two topics say now; changes nothing.

    Raises:
        TopicMissing: one of the two does not exist.
        TopicForbidden: one of the two may not be read.
        ClusterTrouble, aiokafka.errors.KafkaError: the cluster failed.
    """
    partitions = reader.partitions(topics.members)[:PARTITIONS]
    with _allowed(topics.members, "Read"):
        oldest = await reader.oldest(partitions)
        ends = await reader.ends(oldest)
    owners = await _values(reader, topics.owner)
    agreed = _first(owners[LAYOUT_KEY])
    first = None
    if agreed is None:
        first = _first((await _values(reader, partitions[0]))[LAYOUT_KEY])
    return FoundLayout(
        topics=topics,
        agreed=agreed,
        first=first,
        bounds=[Bounds(oldest[tp], ends[tp]) for tp in partitions],
        begins=decode_begins(owners[BEGINS_KEY][-1]) if owners[BEGINS_KEY] else {},
    )


async def is_laid_out(reader: TopicReader, topics: LayoutTopics) -> bool:
    """Whether the owner's topic says that all partitions of the members topic were laid out.

    Raises:
        TopicMissing: the owner's topic does not exist.
        ClusterTrouble, aiokafka.errors.KafkaError: the cluster failed.
    """
    reader.partitions(topics.snapshots)
    agreed = _first((await _values(reader, topics.owner))[LAYOUT_KEY])
    return agreed is not None and _is_ours(agreed)


async def lay_out(
    reader: TopicReader, client_options: ClientOptions, found: FoundLayout, new_uuid: str
) -> None:
    """Write the missing records of a layout that has no trouble.

    If several processes start at once, each writes a proposal, and the first one counts for all:
    a topic with two layouts is unusable.

    Raises:
        TopicForbidden: one of the topics may not be written.
        ClusterTrouble: the layout could not be written now.
    """
    if found.agreed is not None:
        return
    members, owner = found.topics.members, found.topics.owner
    agreed = found.first or _first((await _values(reader, owner))[PROPOSAL_KEY])
    if agreed is None:
        await _write(client_options, [owner], PROPOSAL_KEY, _encoded(new_uuid))
        agreed = _first((await _values(reader, owner))[PROPOSAL_KEY])
    if not isinstance(agreed, Layout):
        raise ClusterTrouble(f"topic {owner.topic} lost a record that was just written; try again")
    # Partition 0 comes first: the next start goes on from it if this one is killed.
    missing = [TopicPartition(members, number) for number in found.empty]
    value = _encoded(agreed.uuid)
    await _write(client_options, missing, LAYOUT_KEY, value)
    await _write(client_options, [owner], LAYOUT_KEY, value)


async def confirm(client_options: ClientOptions, found: FoundLayout) -> None:
    """Confirm that the topic holds all members again, from the present first offsets on.

    The layout goes to the owner's topic first: so the owner knows that its snapshots are of former
    members, before the topic looks complete. It goes there again at the end, when all is complete.

    Raises:
        ClusterTrouble: a record could not be written now; doing all again is safe.
    """
    assert isinstance(found.agreed, Layout)
    members, owner = found.topics.members, found.topics.owner
    value = _encoded(found.agreed.uuid)
    everywhere = [TopicPartition(members, number) for number in range(PARTITIONS)]
    await _write(client_options, [owner], LAYOUT_KEY, value)
    await _write(client_options, everywhere, LAYOUT_KEY, value)
    await _write(client_options, [owner], BEGINS_KEY, encode_begins(found.bounds))
    await _write(client_options, [owner], LAYOUT_KEY, value)


def _is_ours(said: Layout | OtherVersion | Unreadable) -> bool:
    if not isinstance(said, Layout):
        return False
    return (said.partitions, said.spread, said.hash) == (PARTITIONS, SPREAD, HASH)


def _first(found: Sequence[bytes | None]) -> Said:
    """Return the layout in the first of these records; None without a record."""
    return decode_layout(found[0]) if found else None


async def _values(
    reader: TopicReader, tp: TopicPartition
) -> Mapping[bytes, Sequence[bytes | None]]:
    """Return the values of the layout keys in a partition, by key, in their order."""
    found: dict[bytes, list[bytes | None]] = {
        key: [] for key in (LAYOUT_KEY, PROPOSAL_KEY, BEGINS_KEY)
    }

    def take(record: PlacedRecord) -> None:
        if record.key in found:
            found[record.key].append(record.value)

    with _allowed(tp.topic, "Read"):
        oldest = await reader.oldest([tp])
        await reader.read(oldest, await reader.ends(oldest), take)
    return found


def _encoded(uuid: str) -> bytes:
    return encode_layout(Layout(uuid, PARTITIONS, SPREAD, HASH))


async def _write(
    client_options: ClientOptions, partitions: Sequence[TopicPartition], key: bytes, value: bytes
) -> None:
    """Write the same record to each of these partitions; return once all are durable."""
    if not partitions:
        return
    make = partial(make_producer, client_options, idempotent=False)
    producer = await started(make, close, client_options, START_SECONDS)
    try:
        with _allowed(partitions[0].topic, "Write"):
            for tp in partitions:
                await producer.send_and_wait(tp.topic, value, key, partition=tp.partition)
    except kafka_errors.KafkaError as error:
        raise ClusterTrouble(
            f"topic {partitions[0].topic} cannot be written ({type(error).__name__}); grant "
            "Write to it, or try again"
        ) from error
    finally:
        await close(producer)


@contextmanager
def _allowed(topic: str, operation: Operation) -> Iterator[None]:
    try:
        yield
    except kafka_errors.TopicAuthorizationFailedError as error:
        raise TopicForbidden(topic, operation) from error
