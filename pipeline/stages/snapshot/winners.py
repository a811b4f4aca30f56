"""The winners of one audience in one partition, or in a part of it, within a bound of memory."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from pipeline.domain.member_floor import (
    NO_FLOOR,
    Floor,
    Forgotten,
    decode_floor,
    decode_tombstone,
    floor_key,
)
from pipeline.domain.member_record import (
    LAYOUT_KEY,
    SEPARATOR,
    Layout,
    MemberRecord,
    OtherVersion,
    Unreadable,
    decode_layout,
    decode_member,
)
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.kept_winner import Packed, first_kept, merged, pack, unpack

BUCKETS: Final = 1024
"""The most parts in which a partition can be read."""
_EACH_BYTES = 140
"""Bytes of a member beside its key and packed winner: two bytes objects and a dict entry."""


class Winners:
    """Takes every record of a partition in order; keeps the winners of one audience.

    A hash spreads members over buckets. Over the memory bound, whole buckets are dropped, from the
    last one on. `past` says which were kept; the partition is read again for the others. At least
    one bucket is kept.
    """

    def __init__(
        self,
        *,
        audience: str,
        rendering: str,
        buffer_bytes: int,
        old_before_ms: int,
        first: int = 0,
    ) -> None:
        """Records that the brokers wrote before `old_before_ms` are old."""
        self._old_before_ms = old_before_ms
        self._prefix = audience.encode() + SEPARATOR
        self._floor_key = floor_key(audience)
        self._rendering = rendering
        self._buffer_bytes = buffer_bytes
        self._first = first
        self.past = BUCKETS
        """The first bucket that was dropped."""
        self._buckets: list[dict[bytes, Packed]] = [{} for _ in range(BUCKETS)]
        self._sizes = [0] * BUCKETS
        self._size = 0
        self.layouts: set[Layout | OtherVersion | Unreadable] = set()
        """The different layout records of the partition; empty where it has none."""
        self.floor: Floor | OtherVersion | Unreadable = NO_FLOOR
        self._unreadable = [0] * BUCKETS
        self.other_version: str | None = None
        """The version of a record that another program wrote."""

    @property
    def unreadable(self) -> int:
        """How many records of the kept members cannot be read."""
        return sum(self._unreadable[self._first : self.past])

    def take(self, records: Sequence[Record]) -> None:
        """Take some more records; the records of other audiences cost little."""
        prefix, skipped = self._prefix, len(self._prefix)
        for record in records:
            key = record.key
            if key is None:
                continue
            if key.startswith(prefix):
                self._take_member(key[skipped:], record)
            elif key.startswith(LAYOUT_KEY):
                self._take_layout_or_floor(key, record.value)

    def drain(self, most: int) -> Iterator[Sequence[tuple[bytes, Packed]]]:
        """Yield all winners with the members' ids, at most `most` at a time; free their memory."""
        everything = self._drained()
        while some := list(islice(everything, most)):
            yield some

    def _drained(self) -> Iterator[tuple[bytes, Packed]]:
        for number in range(self._first, self.past):
            bucket, self._buckets[number] = self._buckets[number], {}
            yield from bucket.items()

    def _take_member(self, member: bytes, record: Record) -> None:
        number = hash(member) % BUCKETS
        if not self._first <= number < self.past:
            return
        bucket = self._buckets[number]
        before = bucket.get(member)
        after = self._after(number, before, record)
        if after is None:
            bucket.pop(member, None)
        else:
            bucket[member] = after
        grown = _size(member, after) - _size(member, before)
        self._sizes[number] += grown
        self._size += grown
        while self._size > self._buffer_bytes and self.past - self._first > 1:
            self._give_up()

    def _give_up(self) -> None:
        self.past -= 1
        self._size -= self._sizes[self.past]
        self._buckets[self.past] = {}

    def _after(self, number: int, before: Packed | None, record: Record) -> Packed | None:
        if record.value is None:
            forgotten = decode_tombstone(record.headers)
            return None if forgotten is None else self._merged(before, forgotten, record)
        match decode_member(record.value):
            case MemberRecord() as said:
                return self._merged(before, said, record)
            case OtherVersion(version):
                self.other_version = version
            case Unreadable():
                self._unreadable[number] += 1
        return None if before is None else self._not_last(before)

    def _merged(
        self, before: Packed | None, said: MemberRecord | Forgotten, record: Record
    ) -> Packed:
        is_old = record.timestamp < self._old_before_ms
        if before is None:
            kept = first_kept(said, record.offset, is_old=is_old)
        else:
            former = unpack(before, self._rendering)
            kept = merged(former, said, record.offset, is_old=is_old)
        return pack(kept, self._rendering)

    def _not_last(self, before: Packed) -> Packed:
        return pack(unpack(before, self._rendering)._replace(is_last=False), self._rendering)

    def _take_layout_or_floor(self, key: bytes, value: bytes | None) -> None:
        if key == LAYOUT_KEY:
            self.layouts.add(decode_layout(value))
        elif key == self._floor_key and value is None:
            # The audience was retired with all members: what was forgotten before does not matter.
            self.floor = NO_FLOOR
        elif key == self._floor_key and isinstance(self.floor, Floor):
            said = decode_floor(value)
            self.floor = self.floor.joined(said) if isinstance(said, Floor) else said


def _size(member: bytes, packed: Packed | None) -> int:
    return 0 if packed is None else len(member) + len(packed) + _EACH_BYTES
