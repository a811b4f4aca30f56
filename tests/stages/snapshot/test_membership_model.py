"""A pass against the plainest reading of what was ever said, whatever happens in between.

Statements come in any order and again; passes die at any of their writes, or write late, beside
another one; Kafka compacts whatever a finished pass has seen; removes grow old and are forgotten.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.member_record import MemberRecord
from pipeline.stages.snapshot.ports import Written
from tests.fakes.member_topic import (
    DAY_MS,
    NOW_MS,
    RULES,
    MemoryMemberTopic,
    a_pass,
    add,
    identities,
    laid_out,
    remove,
)
from tests.fakes.virtual_loop import run_virtual


class Died(Exception):
    """The process was killed before this write."""


@dataclass(frozen=True, slots=True)
class Stated:
    """Upstream says something, some days old."""

    member: str
    is_member: bool
    days_old: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """An earlier statement comes once more, as a crash of ingest or a replay makes it."""

    which: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass; dies before so many of its writes, where a number is given."""

    dies_at: int | None = None
    buffer_bytes: int = RULES.buffer_bytes


@dataclass(frozen=True, slots=True)
class PassedTwice:
    """A pass that has read everything writes only after another one has ended."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Kafka compacts what the last finished pass has seen."""

    take_tombstones: bool


@dataclass(frozen=True, slots=True)
class Waited:
    days: int


Step: TypeAlias = Stated | Repeated | Passed | PassedTwice | Compacted | Waited

_STATED = st.builds(
    Stated, st.sampled_from(["u-1", "u-2"]), st.booleans(), st.sampled_from([0, 30, 36, 40, 60])
)
_PASSED = st.builds(Passed)
_COMPACTED = st.builds(Compacted, st.booleans())
_STEPS = st.one_of(
    _STATED,
    _STATED,
    st.builds(Repeated, st.integers(0, 10)),
    _PASSED,
    _PASSED,
    st.builds(Passed, st.integers(0, 5), st.sampled_from([1, RULES.buffer_bytes])),
    st.builds(PassedTwice),
    _COMPACTED,
    _COMPACTED,
    st.builds(Waited, st.sampled_from([1, 10, 36])),
)


@dataclass(slots=True)
class World:
    """What happened, beside what the topic remembers of it."""

    topic: MemoryMemberTopic = field(default_factory=lambda: laid_out(1))
    said: list[tuple[str, MemberRecord]] = field(default_factory=list)
    now_ms: int = NOW_MS
    seen: Sequence[int] = ()
    """The ends of the last pass that finished."""
    were_members: frozenset[str] = frozenset()
    """Of the last file."""

    async def take(self, step: Step) -> None:
        match step:
            case Stated(member, is_member, days_old):
                at_ms, offset = self.now_ms - days_old * DAY_MS, len(self.said)
                record = (
                    add(at_ms, offset=offset, identity=member)
                    if is_member
                    else remove(at_ms, offset=offset)
                )
                self.said.append((member, record))
                self.topic.state(record, member, at_ms=self.now_ms)
            case Repeated(which) if self.said:
                member, record = self.said[which % len(self.said)]
                self.topic.state(record, member, at_ms=self.now_ms)
            case Passed(dies_at, buffer_bytes):
                await self._passed(dies_at, buffer_bytes)
            case PassedTwice():
                await self._passed_twice()
            case Compacted(take_tombstones) if self.seen:
                self.topic.compact(self.seen, take_tombstones=take_tombstones)
            case Waited(days):
                self.now_ms += days * DAY_MS
            case _:
                pass

    async def check(self) -> None:
        """
        Who left is not in the file, and who is a member is, unless that was said too late.
        """
        ends = self.topic.ends_now()
        found = frozenset(await identities(a_pass(self.topic, now_ms=self.now_ms)))
        newest = {
            member: max(one.rank for who, one in self.said if who == member)
            for member, _ in self.said
        }
        are_members = {who for who, one in self.said if one.rank == newest[who] and one.is_member}
        fresh = {who for who in are_members if newest[who][0] >= self.now_ms - 35 * DAY_MS}

        assert found <= are_members
        assert fresh <= found
        assert self.were_members & are_members <= found
        self.seen, self.were_members = ends, found

    async def _passed(self, dies_at: int | None, buffer_bytes: int) -> None:
        if dies_at is None:
            await self.check()
            return
        writes = 0

        async def write(messages: Sequence[Written]) -> None:
            nonlocal writes
            for one in messages:
                if writes == dies_at:
                    raise Died
                writes += 1
                await self.topic.write([one])

        membership = a_pass(self.topic, now_ms=self.now_ms, buffer_bytes=buffer_bytes, write=write)
        with suppress(Died):
            await membership.heal_only()

    async def _passed_twice(self) -> None:
        late: list[Written] = []

        async def write(messages: Sequence[Written]) -> None:
            late.extend(messages)

        await a_pass(self.topic, now_ms=self.now_ms, write=write).heal_only()
        await self.check()
        await self.topic.write(late)


@settings(max_examples=250)
@given(st.lists(_STEPS, min_size=10, max_size=40))
def test_whatever_happens_who_left_is_out_and_who_is_a_member_is_in(steps: Sequence[Step]) -> None:
    """
    The file says of everybody what was said last, for whatever can be remembered.

    Nobody who has left is ever in a file again, however late an old add comes. Whoever is a member
    by a statement of the last 35 days is in. And whoever was in the last file is in the next one
    where nothing newer was said.
    """

    async def happen() -> None:
        world = World()
        for step in steps:
            await world.take(step)
        await world.check()
        await world.check()

    run_virtual(happen())
