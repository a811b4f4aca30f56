"""The topic of all members of a destination in memory, and a pass over it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.domain.member_record import (
    PARTITIONS,
    MemberRecord,
    Place,
    audience_part,
    audience_partitions,
    decode_member,
    encode_member,
    member_key,
    partition_of,
)
from pipeline.stages.snapshot.members_trouble import Bounds, MembersTrouble
from pipeline.stages.snapshot.pass_findings import PassFindings
from pipeline.stages.snapshot.ports import Written
from tests.fakes.lane_world import TopicRecord


class FakeMemberTopic:
    """What stands in it is stable at once; the loop's clock is the brokers'."""

    partitions = PARTITIONS

    def __init__(self) -> None:
        self.records: list[list[TopicRecord]] = [[] for _ in range(PARTITIONS)]
        self.members: dict[str, set[str]] = {}
        """By audience: what the statements come to."""
        self._statements = 0
        self.begins = [0] * PARTITIONS
        self.wrong: MembersTrouble | None = None
        """What the brokers say of its partitions and settings."""

    async def trouble(self) -> MembersTrouble | None:
        await asyncio.sleep(0.01)
        return self.wrong

    async def bounds(self) -> Sequence[Bounds]:
        return [Bounds(*both) for both in zip(self.begins, await self.ends(), strict=True)]

    def state(
        self, audience: str, member: str, *, is_member: bool = True, is_withdrawal: bool = False
    ) -> None:
        """One more statement, now."""
        now_ms = int(asyncio.get_running_loop().time() * 1000)
        self._statements += 1
        record = MemberRecord(
            is_member,
            now_ms,
            Place("cdp", 0, self._statements, 0),
            "r1" if is_member else "",
            member if is_member else None,
            is_withdrawal=is_withdrawal,
        )
        key = member_key(audience, member)
        self.append(self.records[partition_of(key)], key, encode_member(record))
        members = self.members.setdefault(audience, set())
        members.add(member) if is_member else members.discard(member)

    @staticmethod
    def append(partition: list[TopicRecord], key: bytes, value: bytes | None) -> None:
        now_ms = int(asyncio.get_running_loop().time() * 1000)
        partition.append(TopicRecord(len(partition), key, value, (), timestamp=now_ms))

    async def close(self) -> None:
        """Nothing stays open between two readings."""

    async def ends(self) -> Sequence[int]:
        await asyncio.sleep(0.01)
        return [len(records) for records in self.records]

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[TopicRecord], None]:
        for at in range(start, end, 100):
            await asyncio.sleep(0.01)
            yield self.records[partition][at : min(end, at + 100)]


class FakePass:
    """Reads the winners of an audience up to the ends; one row a member."""

    def __init__(
        self,
        topic: FakeMemberTopic,
        audience: SnapshotAudience,
        ends: Sequence[int],
        passes: "FakePasses",
    ) -> None:
        self._topic = topic
        self._passes = passes
        self._audience = audience
        self._ends: Mapping[int, int] = {
            partition: ends[partition] for partition in audience_partitions(audience.audience)
        }
        self._rows = 0

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        yield self._audience.header
        self._rows = 0
        winners: dict[bytes, MemberRecord] = {}
        for partition, end in self._ends.items():
            async for records in self._topic.read(partition, 0, end):
                for record in records:
                    self._take(winners, record)
        for winner in winners.values():
            if winner.is_member:
                self._rows += 1
                yield f"{winner.identity}\n".encode()
        if not self._rows:
            yield self._audience.empty_row

    def _take(self, winners: dict[bytes, MemberRecord], record: TopicRecord) -> None:
        key, said = record.key or b"", decode_member(record.value or b"")
        if audience_part(key) != self._audience.audience.encode():
            return
        assert isinstance(said, MemberRecord)
        if key not in winners or said.rank > winners[key].rank:
            winners[key] = said

    async def heal_only(self) -> None:
        self._passes.healed += 1
        async for _ in self.pieces():
            pass

    @property
    def found(self) -> PassFindings:
        return PassFindings(
            uuid="uuid",
            members=self._rows,
            rows=self._rows,
            row_bytes=0,
            beyond_horizon=0,
            stale_rendering=None,
            other_version=None,
            unreadable=0,
            written=0,
            ends=self._ends,
            unfit=None,
        )


class FakePasses:
    """Begins passes over the topic."""

    def __init__(self, topic: FakeMemberTopic) -> None:
        self._topic = topic
        self.healed = 0
        """Passes without a file."""

    def __call__(
        self,
        audience: SnapshotAudience,
        *,
        ends: Sequence[int],
        now_ms: int,
        uuid: str | None,
        write: Callable[[Sequence[Written]], Awaitable[object]],
    ) -> FakePass:
        return FakePass(self._topic, audience, ends, self)
