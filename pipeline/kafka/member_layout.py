"""How a topic of memberships is laid out: written when it is made, and looked for at every start.

The layout record stands in every partition of the topic, and once in the topic that its owner
writes its states to. That one is written last: where it stands, all others were written, so a
partition that is empty was emptied, or its topic was made anew. It must not be read as an audience
without members.
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
"""By a layout record, or by none."""
PROPOSAL_KEY = LAYOUT_KEY + b"proposed"
"""In the owner's topic, until the layout is written; nobody but a start reads it."""
START_SECONDS = 10.0


class TopicForbidden(ClusterTrouble):
    """The brokers keep us from a topic, though they did not say so when they were asked."""

    def __init__(self, topic: str, operation: Operation) -> None:
        super().__init__(f"topic {topic} is forbidden to us ({operation})")
        self.topic = topic
        self.operation = operation


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutTopics:
    """Where the layout of one destination's memberships stands."""

    destination: str
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
    bounds: Sequence[Bounds]
    """Of the partitions of the members' topic."""
    begins: Mapping[int, int]
    """That an operator accepted."""

    @property
    def empty(self) -> Sequence[int]:
        """Partitions of the members' topic."""
        return [number for number, (begin, end) in enumerate(self.bounds) if begin >= end]

    def trouble(self) -> MembersTrouble | None:
        """Why memberships cannot be kept in it, or no snapshot be made of it; None where both."""
        members = self.topics.members
        for said in (self.agreed, self.first):
            if said is not None and not _is_ours(said):
                return self._foreign(
                    f"topic {members} is laid out by another version of this program, or by none; "
                    "run that version, or give kafka.namespace another name"
                )
        if self.agreed is None and 0 not in self.empty and self.first is None:
            return self._foreign(
                f"topic {members} holds messages and does not say how it is laid out: it is not a "
                "topic of memberships of this program; give kafka.namespace another name, or "
                "delete the topic, and it is made anew"
            )
        return emptied(self.topics.destination, members, self.bounds, self._known)

    @property
    def gone(self) -> Sequence[int]:
        """Partitions that records are missing from, as far as their edges say it."""
        return lossy(self.bounds, self._known)

    @property
    def _known(self) -> KnownMembers:
        return KnownMembers(is_laid_out=self.agreed is not None, begins=self.begins)

    def _foreign(self, why: str) -> MembersTrouble:
        """What ingest wrote to it would stand where nobody looks for it."""
        return MembersTrouble(
            destination=self.topics.destination,
            topic=self.topics.members,
            cause="foreign",
            why=why,
            stops_ingest=True,
        )


async def find_layout(reader: TopicReader, topics: LayoutTopics) -> FoundLayout:
    """What stands there now; changes nothing.

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
    """Whether every partition of the members' topic was laid out, as its owner's topic says it.

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
    """Write what is missing of a layout that is not refused.

    Where several processes start at once they propose, and the first proposal counts for all: two
    layouts in one topic would be none.

    Raises:
        TopicForbidden: one of the topics may not be written.
        ClusterTrouble: it could not be written now.
    """
    if found.agreed is not None:
        return
    members, owner = found.topics.members, found.topics.owner
    agreed = found.first or _first((await _values(reader, owner))[PROPOSAL_KEY])
    if agreed is None:
        await _write(client_options, [owner], PROPOSAL_KEY, _encoded(new_uuid))
        agreed = _first((await _values(reader, owner))[PROPOSAL_KEY])
    if not isinstance(agreed, Layout):
        raise ClusterTrouble(f"topic {owner.topic} lost what was just written to it; try again")
    # The first partition first: it is where a start that was killed is gone on from.
    missing = [TopicPartition(members, number) for number in found.empty]
    value = _encoded(agreed.uuid)
    await _write(client_options, missing, LAYOUT_KEY, value)
    await _write(client_options, [owner], LAYOUT_KEY, value)


async def confirm(client_options: ClientOptions, found: FoundLayout) -> None:
    """Say that the topic holds everybody again; from where its partitions begin now.

    The layout in the owner's topic goes first, so that the owner knows of what it has that it is
    of members that are gone, before anything looks whole. It goes last, too: then all is.

    Raises:
        ClusterTrouble: it could not be written now; doing it again is safe.
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
    """What the first of these records says of the layout; None where there is none."""
    return decode_layout(found[0]) if found else None


async def _values(
    reader: TopicReader, tp: TopicPartition
) -> Mapping[bytes, Sequence[bytes | None]]:
    """What stands in a partition of the topic itself, by key and in its order."""
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
    """The same record in each of these partitions, durable when this returns."""
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
