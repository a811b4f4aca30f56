"""The topic of all memberships in memory, compacted as Kafka does it, and passes over it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    SPREAD,
    Layout,
    MemberRecord,
    Place,
    encode_layout,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.domain.message import Headers
from pipeline.stages.snapshot.membership_pass import MembershipPass
from pipeline.stages.snapshot.ports import TopicLook, Written
from tests.fakes.snapshot_rules import RULES as SHORT_DAYS

TOPIC = "audience.members.adobe"
UUID = "5f0c7a52"
DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
RULES = replace(SHORT_DAYS, buffer_bytes=64 << 20, largest_file_bytes=10 << 30)
VIP = SnapshotAudience(
    name="vip-customers",
    audience="a-1",
    folder="vip-customers-1f0c",
    header=b"email,tier\n",
    empty_row=b'"",\n',
    rendering="r-1",
    lifetime=30 * 86_400.0,
)


@dataclass(frozen=True, slots=True)
class MemberMessage:
    """One message as Kafka hands it out."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW_MS


@dataclass(slots=True)
class MemoryMemberTopic:
    """Every partition is a list; offsets go on where compaction took records away."""

    partitions: int = 8
    logs: dict[int, list[MemberMessage]] = field(default_factory=dict)
    next_offsets: dict[int, int] = field(default_factory=dict)
    readings: int = 0
    at_once: int = 3
    seconds: float = 0
    """What every question to the brokers takes."""
    open_at: dict[int, int] = field(default_factory=dict)
    """By partition: where a transaction begins that has not ended; no end lies behind it."""
    asked: Callable[[], None] = lambda: None
    """Called at every question for the ends; brokers that are away raise in it."""

    async def close(self) -> None:
        """Nothing stays open between two readings."""

    async def ends(self) -> Sequence[int]:
        return (await self.look()).ends

    async def look(self) -> TopicLook:
        await asyncio.sleep(self.seconds)
        self.asked()
        written = self.ends_now()
        ends = [min(end, self.open_at.get(number, end)) for number, end in enumerate(written)]
        return TopicLook(ends, [number for number, end in enumerate(ends) if end < written[number]])

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[MemberMessage], None]:
        self.readings += 1
        log = [one for one in self.logs.get(partition, []) if start <= one.offset < end]
        for first in range(0, len(log), self.at_once):
            await asyncio.sleep(self.seconds)
            yield log[first : first + self.at_once]

    async def write(self, messages: Sequence[Written]) -> None:
        """What an owner's writer does, in one transaction."""
        await asyncio.sleep(0)
        for one in messages:
            self.append(one.partition, one.key, one.value, one.headers)

    def append(
        self,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        at_ms: int = NOW_MS,
    ) -> None:
        offset = self.next_offsets.get(partition, 0)
        self.next_offsets[partition] = offset + 1
        self.logs.setdefault(partition, []).append(
            MemberMessage(offset, key, value, headers, at_ms)
        )

    def lay_out(self, uuid: str = UUID) -> None:
        for partition in range(self.partitions):
            layout = Layout(uuid, self.partitions, SPREAD, HASH)
            self.append(partition, LAYOUT_KEY, encode_layout(layout))

    def state(
        self,
        record: MemberRecord,
        member: str,
        audience: str = VIP.audience,
        at_ms: int | None = None,
    ) -> None:
        """What ingest writes of one change, at its own time unless another one is given."""
        key = member_key(audience, member)
        partition = partition_of(key, partitions=self.partitions)
        written_ms = record.changed_at_ms if at_ms is None else at_ms
        self.append(partition, key, encode_member(record), at_ms=written_ms)

    def ends_now(self) -> list[int]:
        return [self.next_offsets.get(partition, 0) for partition in range(self.partitions)]

    def compact(self, ends: Sequence[int], *, take_tombstones: bool = True) -> None:
        """Of the records before these offsets keep each key's last; tombstones go after a while."""
        for partition, log in self.logs.items():
            last = {one.key: one.offset for one in log if one.offset < ends[partition]}
            self.logs[partition] = [
                one
                for one in log
                if one.offset >= ends[partition]
                or (one.offset == last[one.key] and not (take_tombstones and one.value is None))
            ]


def laid_out(partitions: int = 8) -> MemoryMemberTopic:
    topic = MemoryMemberTopic(partitions)
    topic.lay_out()
    return topic


def add(
    at_ms: int = NOW_MS, *, offset: int = 0, identity: str | None = "id", tier: str = "gold"
) -> MemberRecord:
    return MemberRecord(
        True, at_ms, Place("cdp", 0, offset, 0), VIP.rendering, identity, [f'"{tier}"']
    )


def remove(at_ms: int = NOW_MS, *, offset: int = 0) -> MemberRecord:
    return MemberRecord(False, at_ms, Place("cdp", 0, offset, 0))


def row(identity: str, cells: Sequence[str]) -> bytes:
    return ",".join([f'"{identity}"', *cells]).encode() + b"\n"


def a_pass(
    topic: MemoryMemberTopic,
    *,
    now_ms: int = NOW_MS,
    buffer_bytes: int = RULES.buffer_bytes,
    largest_file_bytes: int = RULES.largest_file_bytes,
    uuid: str | None = UUID,
    ends: Sequence[int] | None = None,
    audience: SnapshotAudience = VIP,
    write: Callable[[Sequence[Written]], Awaitable[None]] | None = None,
) -> MembershipPass:
    return MembershipPass(
        topic=topic,
        topic_name=TOPIC,
        audience=audience,
        rules=replace(RULES, buffer_bytes=buffer_bytes, largest_file_bytes=largest_file_bytes),
        row=row,
        ends=topic.ends_now() if ends is None else ends,
        now_ms=now_ms,
        uuid=uuid,
        write=topic.write if write is None else write,
    )


async def file_of(membership: MembershipPass) -> bytes:
    return b"".join([piece async for piece in membership.pieces()])


async def identities(membership: MembershipPass) -> list[str]:
    """Who has a row, sorted."""
    lines = (await file_of(membership)).splitlines()[1:]
    return sorted(line.split(b",")[0].strip(b'"').decode() for line in lines if line != b'"",')
