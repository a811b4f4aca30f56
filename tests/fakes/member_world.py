"""What is stated of members while a destination is served, and a simple pass over it."""

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
)
from pipeline.stages.snapshot.members_trouble import Bounds, MembersTrouble
from pipeline.stages.snapshot.pass_findings import PassFindings
from pipeline.stages.snapshot.ports import Written
from tests.fakes.member_topic import MemberMessage, MemoryMemberTopic


class StatedMembers:
    """What upstream states, as ingest writes it: in the topic, and what it comes to.

    The loop's clock is the brokers'. A question to them takes ten milliseconds.
    """

    def __init__(self) -> None:
        self.topic = MemoryMemberTopic(PARTITIONS, at_once=100, seconds=0.01)
        self.members: dict[str, set[str]] = {}
        """By audience."""
        self._statements = 0
        self.begins = [0] * PARTITIONS
        self.wrong: MembersTrouble | None = None
        """What the brokers say of its partitions and settings."""

    async def trouble(self) -> MembersTrouble | None:
        await asyncio.sleep(0.01)
        return self.wrong

    async def bounds(self) -> Sequence[Bounds]:
        return [Bounds(*both) for both in zip(self.begins, await self.topic.ends(), strict=True)]

    def state(
        self, audience: str, member: str, *, is_member: bool = True, is_withdrawal: bool = False
    ) -> None:
        """One more statement, now."""
        self._statements += 1
        record = MemberRecord(
            is_member,
            int(asyncio.get_running_loop().time() * 1000),
            Place("cdp", 0, self._statements, 0),
            "r1" if is_member else "",
            member if is_member else None,
            is_withdrawal=is_withdrawal,
        )
        self.topic.state(record, member, audience)
        members = self.members.setdefault(audience, set())
        members.add(member) if is_member else members.discard(member)

    def write_everywhere(self, key: bytes, value: bytes | None) -> None:
        """One more record in each partition, now."""
        now_ms = int(asyncio.get_running_loop().time() * 1000)
        for partition in range(self.topic.partitions):
            self.topic.append(partition, key, value, (), now_ms)

    def let_go(self, audience: str) -> None:
        """What an operator does to an audience that left the configuration."""
        for partition, log in self.topic.logs.items():
            for key in {
                one.key for one in log if audience_part(one.key or b"") == audience.encode()
            }:
                self.topic.append(partition, key, None)
        self.members.pop(audience, None)

    def make_anew(self) -> None:
        """The topic was deleted, and there is an empty one of its name."""
        self.topic.logs.clear()
        self.topic.next_offsets.clear()
        self.members.clear()


class FakePass:
    """Reads the winners of an audience up to the ends; one row a member."""

    def __init__(
        self,
        topic: MemoryMemberTopic,
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

    def _take(self, winners: dict[bytes, MemberRecord], record: MemberMessage) -> None:
        key, said = record.key or b"", decode_member(record.value or b"")
        if audience_part(key) != self._audience.audience.encode():
            return
        if record.value is None:
            winners.pop(key, None)
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

    def __init__(self, topic: MemoryMemberTopic) -> None:
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
