"""Reads every key of one audience from a members topic, with bounded memory.

A pass looks for members; this looks for everything stored, also unreadable records and records of
open or aborted transactions.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiokafka import TopicPartition

from pipeline.domain.member_floor import decode_tombstone, floor_key
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    PARTITIONS,
    SPREAD,
    Layout,
    audience_partitions,
    decode_layout,
    member_key,
)
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader
from pipeline.operations.trouble import OperationFailed
from pipeline.stages.ports import Record

BUCKETS: Final = 1024
"""The keys of an audience are spread over so many parts."""
MOST_KEYS: Final = 500_000
"""Keys in memory at once, some 130 MB. If there are more, the topic is read again for the rest."""


StoredKey: TypeAlias = tuple[int, bytes]
"""A partition, and a key in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The result of one reading of the partitions of an audience."""

    ends: Mapping[int, int]
    """The offset up to which each partition was read."""
    keys: "StoredKeys"


class StoredKeys:
    """Takes every record of some partitions in order; keeps the keys whose last record has data.

    A key is dropped if its last record is a tombstone that deletes all before it. Keys are spread
    over buckets by their hash. Above the bound whole buckets are dropped, the last ones first; the
    buckets before `past` are kept, at least one.
    """

    def __init__(self, audience: str, *, most: int = MOST_KEYS, first: int = 0) -> None:
        self._prefix = member_key(audience, "")
        self._floor_key = floor_key(audience)
        self._most = most
        self._first = first
        # By partition, without the common prefix: a tuple for each key would take twice the memory.
        self._buckets: list[defaultdict[int, set[bytes]]] = [
            defaultdict(set) for _ in range(BUCKETS)
        ]
        self._floors: set[int] = set()
        """Partitions that have a floor."""
        self._size = 0
        self.past = BUCKETS
        """The first bucket that was dropped."""
        self.has_tombstones = False
        """Whether the topic has tombstones of the audience already."""
        self.layouts: dict[int, bytes] = {}
        """The value of the last layout record of each partition that has one."""

    def take(self, record: PlacedRecord) -> None:
        key = record.key or b""
        if key.startswith(self._prefix):
            member = key[len(self._prefix) :]
            self._note(record.partition, member, is_over=_forgets_all(record))
        elif key == self._floor_key:
            self._note_floor(record.partition, is_over=record.value is None)
        elif key == LAYOUT_KEY and record.value is not None:
            self.layouts[record.partition] = record.value

    def stored(self) -> Iterator[StoredKey]:
        """The stored keys of members and of floors."""
        for number in self._floors:
            yield number, self._floor_key
        for bucket in self._buckets:
            for number, members in bucket.items():
                for member in members:
                    yield number, self._prefix + member

    @property
    def members(self) -> int:
        """The number of keys of members."""
        return self._size

    def _note(self, partition: int, member: bytes, *, is_over: bool) -> None:
        self.has_tombstones = self.has_tombstones or is_over
        number = hash(member) % BUCKETS
        if not self._first <= number < self.past:
            return
        members = self._buckets[number][partition]
        self._size -= len(members)
        if is_over:
            members.discard(member)
        else:
            members.add(member)
        self._size += len(members)
        while self._size > self._most and self.past - self._first > 1:
            self._give_up()

    def _note_floor(self, partition: int, *, is_over: bool) -> None:
        self.has_tombstones = self.has_tombstones or is_over
        if is_over:
            self._floors.discard(partition)
        else:
            self._floors.add(partition)

    def _give_up(self) -> None:
        self.past -= 1
        self._size -= sum(map(len, self._buckets[self.past].values()))
        self._buckets[self.past] = defaultdict(set)


async def stored(
    reader: TopicReader, topic: str, audience: str, *, most: int = MOST_KEYS
) -> AsyncIterator[Stored]:
    """Every stored key, in as many readings as the bound needs.

    Raises:
        OperationFailed: the topic has another layout, so members may be in other partitions.
        ClusterTrouble, aiokafka.errors.KafkaError: the cluster failed.
    """
    if reader.topics[topic] < PARTITIONS:
        raise OperationFailed(
            f"topic {topic} has {reader.topics[topic]} partitions instead of {PARTITIONS}, so we "
            "cannot tell where its members are; see `check --online`"
        )
    partitions = [TopicPartition(topic, number) for number in audience_partitions(audience)]
    starts = await reader.oldest(partitions)
    ends = await reader.ends(starts)
    first = 0
    while first < BUCKETS:
        keys = StoredKeys(audience, most=most, first=first)
        await reader.read(starts, ends, keys.take)
        _refuse_other_layouts(topic, keys.layouts.values())
        yield Stored(
            ends={tp.partition: end for tp, end in ends.items()},
            keys=keys,
        )
        first = keys.past


async def stated_since(
    reader: TopicReader, topic: str, audience: str, ends: Mapping[int, int]
) -> int:
    """The number of records of the audience after these offsets, by partition.

    Records whose key has a later tombstone also count.
    """
    starts = {TopicPartition(topic, number): end for number, end in ends.items()}
    prefix, floor, count = member_key(audience, ""), floor_key(audience), 0

    def take(record: PlacedRecord) -> None:
        nonlocal count
        key = record.key or b""
        count += (key.startswith(prefix) or key == floor) and not _forgets_all(record)

    await reader.read(starts, await reader.ends(starts), take)
    return count


def _refuse_other_layouts(topic: str, values: Iterable[bytes]) -> None:
    if not all(map(_is_ours, values)):
        raise OperationFailed(
            f"topic {topic} has the layout of another version of this program, or none: run this "
            "command with that version"
        )


def _is_ours(value: bytes) -> bool:
    said = decode_layout(value)
    expected = (PARTITIONS, SPREAD, HASH)
    return isinstance(said, Layout) and (said.partitions, said.spread, said.hash) == expected


def _forgets_all(record: Record) -> bool:
    return record.value is None and decode_tombstone(record.headers) is None
