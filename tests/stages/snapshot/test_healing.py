"""What a pass writes, so that compaction keeps the winners and old removes may be forgotten."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.domain.member_floor import Floor, decode_tombstone, encode_floor, floor_key
from pipeline.domain.member_record import (
    MemberRecord,
    decode_member,
    member_key,
    partition_of,
)
from pipeline.stages.snapshot.membership_pass import LONGEST_SECONDS
from pipeline.stages.snapshot.pass_findings import LayoutMissing, PassTooLong
from pipeline.stages.snapshot.ports import Written
from tests.fakes.member_topic import (
    DAY_MS,
    NOW_MS,
    VIP,
    MemberMessage,
    MemoryMemberTopic,
    a_pass,
    add,
    identities,
    laid_out,
    remove,
)
from tests.fakes.virtual_loop import run_virtual


def last_of(topic: MemoryMemberTopic, member: str) -> MemberMessage:
    key = member_key(VIP.audience, member)
    log = topic.logs[partition_of(key, partitions=topic.partitions)]
    return [one for one in log if one.key == key][-1]


async def pass_and_compact(topic: MemoryMemberTopic, now_ms: int = NOW_MS) -> None:
    ends = topic.ends_now()
    await a_pass(topic, now_ms=now_ms).heal_only()
    topic.compact(ends)


async def forget(topic: MemoryMemberTopic, member: str) -> None:
    """A remove of 40 days ago, until nothing of it is left."""
    topic.state(remove(NOW_MS - 40 * DAY_MS), member)
    for _ in range(4):
        await pass_and_compact(topic)


class TestWinners:
    @pytest.mark.parametrize(
        ("winner", "written"),
        [
            (remove(NOW_MS - 10, offset=7), remove(NOW_MS - 10, offset=7)),
            (
                remove(NOW_MS - 10)._replace(is_withdrawal=True),
                remove(NOW_MS - 10)._replace(is_withdrawal=True),
            ),
            (add(NOW_MS - 10, offset=7), add(NOW_MS - 10, offset=7)._replace(is_known=True)),
            (
                add(identity=None)._replace(rendering="r-0"),
                add(identity=None)._replace(rendering="r-0", is_known=True),
            ),
        ],
    )
    async def test_a_winner_that_stands_before_another_is_written_again_as_it_was(
        self, winner: MemberRecord, written: MemberRecord
    ) -> None:
        """
        With its own time and place: what upstream says meanwhile must be able to be newer.
        """
        topic = laid_out()
        topic.state(winner, "u-1")
        topic.state(add(NOW_MS - 20), "u-1")

        await a_pass(topic).heal_only()

        assert decode_member(last_of(topic, "u-1").value or b"") == written

    async def test_what_stands_last_is_not_written_again(self) -> None:
        """
        A member of whom all is in order costs no write.
        """
        topic = laid_out()
        topic.state(add(NOW_MS - 20), "u-1")
        topic.state(add(NOW_MS - 10), "u-1")
        before = last_of(topic, "u-1")

        await a_pass(topic).heal_only()

        assert last_of(topic, "u-1") == before

    async def test_the_winner_is_there_after_compaction(self) -> None:
        """
        Kafka keeps the last record of a key, and so that must be the winner.
        """
        topic = laid_out()
        topic.state(remove(NOW_MS - 10), "u-1")
        topic.state(add(NOW_MS - 20), "u-1")

        await pass_and_compact(topic)
        topic.compact(topic.ends_now())

        assert await identities(a_pass(topic)) == []

    async def test_a_winner_behind_which_an_unreadable_record_stands_is_written_again(
        self,
    ) -> None:
        """
        Compaction would keep what says nothing.
        """
        topic = laid_out()
        key = member_key(VIP.audience, "u-1")
        topic.state(add(identity="id-1"), "u-1")
        topic.append(partition_of(key, partitions=8), key, b"nothing")

        await a_pass(topic).heal_only()
        topic.compact(topic.ends_now())

        assert await identities(a_pass(topic)) == ["id-1"]

    async def test_a_tombstone_of_somebody_else_forgets_what_stands_before_it(self) -> None:
        """
        Kafka takes those records away: a pass must not depend on when it does.
        """
        topic = laid_out()
        key = member_key(VIP.audience, "u-1")
        topic.state(add(NOW_MS), "u-1")
        topic.append(partition_of(key, partitions=8), key, None)

        assert await identities(a_pass(topic)) == []

        topic.state(add(NOW_MS - 10, identity="again"), "u-1")

        assert await identities(a_pass(topic)) == ["again"]


class TestForgetting:
    async def test_a_remove_is_forgotten_by_the_pass_after_the_one_that_raised_the_floor(
        self,
    ) -> None:
        """
        The floor must be durable first; and a remove of 35 days or less stays.
        """
        topic = laid_out()
        topic.state(remove(NOW_MS - 36 * DAY_MS), "old")
        topic.state(remove(NOW_MS - 35 * DAY_MS), "young")

        await a_pass(topic).heal_only()

        assert last_of(topic, "old").value is not None

        await a_pass(topic).heal_only()
        tombstone = last_of(topic, "old")

        assert tombstone.value is None
        forgotten = decode_tombstone(tombstone.headers)
        assert forgotten is not None
        assert forgotten.rank == remove(NOW_MS - 36 * DAY_MS).rank
        assert last_of(topic, "young").value is not None

    async def test_an_old_add_of_somebody_unknown_is_not_believed_and_found_once(self) -> None:
        """
        A newer remove may have been forgotten; the operator is told, and it is let go.
        """
        topic = laid_out()
        await forget(topic, "u-1")
        topic.state(add(NOW_MS - 41 * DAY_MS), "u-1")
        first = a_pass(topic)

        assert await identities(first) == []
        assert first.found.beyond_horizon == 1
        second = a_pass(topic)
        assert await identities(second) == []
        assert second.found.beyond_horizon == 0

    async def test_an_old_add_that_was_counted_before_the_floor_goes_on_counting(self) -> None:
        """
        Whoever has been a member for years stays one, though nothing new is said.
        """
        topic = laid_out()
        partition_mates = [f"u-{number}" for number in range(100)]
        for member in partition_mates:
            topic.state(add(NOW_MS - 400 * DAY_MS, identity=member), member)
        for number in range(100):
            topic.state(remove(NOW_MS - 40 * DAY_MS), f"gone-{number}")
        for _ in range(4):
            await pass_and_compact(topic)

        assert await identities(a_pass(topic)) == sorted(partition_mates)

    async def test_an_old_add_that_had_to_be_written_again_goes_on_counting(self) -> None:
        """
        Its new offset lies behind the floor, so the record says itself that it counted.
        """
        topic = laid_out()
        for number in range(100):
            topic.state(add(NOW_MS - 400 * DAY_MS, identity=f"u-{number}"), f"u-{number}")
            topic.state(remove(NOW_MS - 40 * DAY_MS), f"gone-{number}")
        await pass_and_compact(topic)
        for number in range(100):
            topic.state(remove(NOW_MS - 500 * DAY_MS), f"u-{number}")
        await a_pass(topic).heal_only()
        topic.compact(topic.ends_now())

        assert len(await identities(a_pass(topic))) == 100

    async def test_an_old_add_that_comes_again_goes_on_counting(self) -> None:
        """
        A table that is read once more states old adds behind the floor, of members it knows.
        """
        topic = laid_out()
        for again in range(3):
            for number in range(100):
                at_ms = NOW_MS - 400 * DAY_MS
                topic.state(add(at_ms, offset=again, identity=f"u-{number}"), f"u-{number}")
                topic.state(remove(NOW_MS - 40 * DAY_MS, offset=again), f"gone-{number}")
            for _ in range(3):
                await pass_and_compact(topic)

        assert len(await identities(a_pass(topic))) == 100

    async def test_a_tombstone_with_an_old_add_behind_it_is_written_again(self) -> None:
        """
        Otherwise compaction keeps the add, and takes what says that it is forgotten.
        """
        topic = laid_out()
        topic.state(remove(NOW_MS - 40 * DAY_MS), "u-1")
        for _ in range(2):
            await a_pass(topic).heal_only()
        topic.state(add(NOW_MS - 41 * DAY_MS), "u-1")
        for _ in range(3):
            await pass_and_compact(topic)

        assert await identities(a_pass(topic)) == []

    async def test_a_year_of_history_that_is_read_now_is_believed(self) -> None:
        """
        Its removes are old, and what was written a moment ago is not forgotten yet.
        """
        topic = laid_out()
        for number in range(100):
            topic.state(remove(NOW_MS - 300 * DAY_MS), f"u-{number}", at_ms=NOW_MS)
            topic.state(remove(NOW_MS - 100 * DAY_MS), f"gone-{number}", at_ms=NOW_MS)
        for _ in range(3):
            await pass_and_compact(topic)
        for number in range(100):
            back = add(NOW_MS - 200 * DAY_MS, identity=f"u-{number}")
            topic.state(back, f"u-{number}", at_ms=NOW_MS)
            topic.state(back, f"new-{number}", at_ms=NOW_MS)

        assert len(await identities(a_pass(topic))) == 200

    async def test_a_new_add_of_a_forgotten_member_counts(self) -> None:
        """
        Whoever comes back is a member again.
        """
        topic = laid_out()
        await forget(topic, "u-1")
        topic.state(add(NOW_MS - DAY_MS, identity="back"), "u-1")

        assert await identities(a_pass(topic)) == ["back"]

    async def test_the_floor_of_one_audience_is_none_of_another(self) -> None:
        """
        An audience that never forgot anything believes the oldest add.
        """
        topic = laid_out()
        for number in range(100):
            topic.state(remove(NOW_MS - 40 * DAY_MS), f"u-{number}", "a-2")
        other = a_pass(topic, audience=replace(VIP, audience="a-2"))
        await other.heal_only()
        topic.state(add(NOW_MS - 400 * DAY_MS, identity="ours"), "u-1")

        assert await identities(a_pass(topic)) == ["ours"]

    async def test_of_two_floors_both_hold_whichever_was_written_last(self) -> None:
        """
        A pass that was late may write a lower floor behind a higher one.
        """
        topic = laid_out()
        for partition in range(8):
            topic.append(partition, floor_key("a-1"), encode_floor(Floor(NOW_MS - DAY_MS, 0)))
            topic.append(partition, floor_key("a-1"), encode_floor(Floor(NOW_MS - 9 * DAY_MS, 0)))
        topic.state(add(NOW_MS - 2 * DAY_MS), "u-1")

        assert await identities(a_pass(topic)) == []

    async def test_a_floor_that_cannot_be_read_is_refused(self) -> None:
        """
        Without it nobody can say which adds count.
        """
        topic = laid_out()
        for partition in range(8):
            topic.append(partition, b"!a-1", b"nothing")

        with pytest.raises(LayoutMissing, match="floor"):
            await a_pass(topic).heal_only()


async def test_the_floor_is_written_last() -> None:
    """
    A pass that dies before must not have raised it over adds that were not forgotten yet.
    """
    topic = laid_out()
    await forget(topic, "u-1")
    topic.state(add(NOW_MS - 41 * DAY_MS), "u-1")
    writes: list[Written] = []

    async def write(messages: Sequence[Written]) -> None:
        writes.extend(messages)

    await a_pass(topic, write=write).heal_only()
    [member] = [one for one in writes if one.key == member_key(VIP.audience, "u-1")]
    [floor] = [one for one in writes if one.key == floor_key(VIP.audience)]

    assert writes.index(member) < writes.index(floor)


def test_a_pass_that_took_too_long_writes_nothing_and_ends() -> None:
    """
    Compaction may have taken a record that the pass had not read yet, or healed what is healed.
    """

    async def happen() -> MemoryMemberTopic:
        topic = laid_out()
        topic.state(remove(NOW_MS - 10), "u-1")
        topic.state(add(NOW_MS - 20), "u-1")
        membership = a_pass(topic)
        await asyncio.sleep(LONGEST_SECONDS + 1)
        with pytest.raises(PassTooLong):
            await membership.heal_only()
        return topic

    topic = run_virtual(happen())

    assert sum(map(len, topic.logs.values())) == 10
