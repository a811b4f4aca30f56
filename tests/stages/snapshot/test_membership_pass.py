"""What the file of a pass holds, and what it refuses to make one of."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pipeline.domain.member_record import (
    HASH,
    LAYOUT_KEY,
    Layout,
    MemberRecord,
    Place,
    decode_layout,
    encode_layout,
    member_key,
    partition_of,
)
from pipeline.stages.snapshot.healed import healed_before
from pipeline.stages.snapshot.membership_pass import TURN_RECORDS, MembershipPass
from pipeline.stages.snapshot.pass_findings import LayoutMissing, NoSnapshot
from tests.fakes.member_topic import (
    DAY_MS,
    NOW_MS,
    RULES,
    TOPIC,
    UUID,
    VIP,
    MemberMessage,
    MemoryMemberTopic,
    a_pass,
    add,
    file_of,
    identities,
    laid_out,
    remove,
    row,
)


class TestFile:
    async def test_the_file_holds_the_header_and_a_row_of_every_member(self) -> None:
        """
        The file can be read as CSV, and has one line a member behind the header.
        """
        topic = laid_out()
        for number in range(100):
            topic.state(add(identity=f"id-{number}", tier="silver"), f"u-{number}")

        lines = list(csv.reader(io.StringIO((await file_of(a_pass(topic))).decode())))

        assert lines[0] == ["email", "tier"]
        assert sorted(lines[1:]) == sorted([f"id-{n}", "silver"] for n in range(100))

    async def test_characters_that_the_partner_replaced_are_counted(self) -> None:
        topic = laid_out()
        topic.state(add(tier="sil\ufffdver\ufffd"), "u-1")
        topic.state(add(tier="gold\ufffd"), "u-2")
        work = a_pass(topic)

        await file_of(work)

        assert work.found.replaced_characters == 3

    async def test_of_two_statements_the_newer_one_counts_wherever_it_stands(self) -> None:
        """
        A remove that is newer than an add takes the member out, though the add came later.
        """
        topic = laid_out()
        topic.state(remove(NOW_MS - 10), "u-1")
        topic.state(add(NOW_MS - 20), "u-1")

        assert await identities(a_pass(topic)) == []

    async def test_of_one_time_the_place_decides(self) -> None:
        """
        Two statements of the same millisecond are ordered as upstream wrote them.
        """
        topic = laid_out()
        topic.state(add(NOW_MS, offset=10, identity="later"), "u-1")
        topic.state(add(NOW_MS, offset=9, identity="earlier"), "u-1")

        assert await identities(a_pass(topic)) == ["later"]

    async def test_an_audience_without_members_gives_the_empty_row(self) -> None:
        """
        A file with nothing but a header might be skipped, and its members would stay.
        """
        topic = laid_out()
        topic.state(remove(), "u-1")

        assert await file_of(a_pass(topic)) == VIP.header + VIP.empty_row

    async def test_a_member_without_the_wanted_identity_is_counted_and_has_no_row(self) -> None:
        """
        Who cannot be named in the file is a member nevertheless.
        """
        topic = laid_out()
        topic.state(add(identity=None), "u-1")
        topic.state(add(identity="id-2"), "u-2")
        membership = a_pass(topic)

        assert await identities(membership) == ["id-2"]
        assert (membership.found.members, membership.found.rows) == (2, 1)

    async def test_nothing_behind_the_fixed_end_is_in_the_file(self) -> None:
        """
        What is said while a pass goes on belongs to the next one.
        """
        topic = laid_out()
        topic.state(add(NOW_MS - 2, identity="before"), "u-1")
        ends = topic.ends_now()
        topic.state(remove(NOW_MS - 1), "u-1")
        topic.state(add(NOW_MS - 1, identity="after"), "u-2")

        assert await identities(a_pass(topic, ends=ends)) == ["before"]

    async def test_members_of_other_audiences_are_not_in_the_file(self) -> None:
        """
        A partition holds many audiences; an id that begins with another id is another one.
        """
        topic = laid_out()
        for audience in ("a-10", "b", "a-"):
            for number in range(20):
                topic.state(add(identity="other"), f"u-{number}", audience)
        topic.state(add(identity="ours"), "u-1")

        assert await identities(a_pass(topic)) == ["ours"]

    async def test_a_partition_larger_than_the_memory_is_read_in_parts(self) -> None:
        """
        With memory for few members the file is the same; only the readings are more.
        """
        topic = laid_out()
        for number in range(400):
            topic.state(add(identity=f"id-{number}"), f"u-{number}")
        expected = await identities(a_pass(topic))
        topic.readings = 0

        found = await identities(a_pass(topic, buffer_bytes=3000))

        assert found == expected
        assert topic.readings > 2 * topic.partitions

    @pytest.mark.parametrize(
        "value",
        [
            b'{"v":1,"a":"-","t":1,"p":"%s/0/0/0"}' % (b"c" * 70_000),
            b'{"v":1,"a":"+","t":1e3,"p":"cdp/0/0/0","r":"r-1","i":"x","c":[]}',
            b'{"v":1,"a":"+","t":99999999999999999999,"p":"cdp/0/0/0"}',
            b"\xff\x00",
            b'{"v":1,"a":"-","t":9,"p":"cdp/0/0/' + b"9" * 30 + b'"}',
        ],
    )
    async def test_a_record_that_somebody_else_wrote_spoils_no_file(self, value: bytes) -> None:
        """
        Neither a place that Kafka cannot have, nor times that are none; it is counted.
        """
        topic = laid_out()
        topic.state(add(identity="id-1"), "u-1")
        key = member_key(VIP.audience, "u-1")
        topic.append(partition_of(key, partitions=topic.partitions), key, value)
        work = a_pass(topic)

        assert await identities(work) == ["id-1"]
        assert work.found.unreadable == 1

    async def test_keys_with_any_bytes_and_ids_that_begin_alike_are_told_apart(self) -> None:
        """
        A member id may hold the separator; an audience's id may begin as another one's.
        """
        topic = laid_out()
        for member in ("u\x00-1", "\x00", "!", "ü", "a-1"):
            topic.state(add(identity=member.encode().hex()), member)
        for audience in ("a-10", "a-", "a", "!a-1"):
            topic.state(add(identity="other"), "u-1", audience=audience)
        for partition in range(topic.partitions):
            topic.append(partition, b"\xff\xfe\x00u-1", b"{}")
            topic.append(partition, b"a-1", b"{}")

        found = await identities(a_pass(topic))

        assert found == sorted(m.encode().hex() for m in ("u\x00-1", "\x00", "!", "ü", "a-1"))

    async def test_others_in_the_process_get_their_turn_while_a_pass_works(self) -> None:
        """
        However many records come at once, a lane waits for a few hundred of them only.
        """
        topic = OneList(laid_out())
        for number in range(5000):
            topic.within.state(add(), f"u-{number}")
        longest: dict[str, int] = {}

        async def take_turns() -> None:
            while True:
                await asyncio.sleep(0)
                for work, count in topic.done.items():
                    longest[work] = max(longest.get(work, 0), count)
                topic.done.clear()

        def judged(identity: str, cells: Sequence[str]) -> bytes:
            topic.done["judged"] += 1
            return row(identity, cells)

        async with asyncio.TaskGroup() as tasks:
            others = tasks.create_task(take_turns())
            membership = MembershipPass(
                topic=topic,
                topic_name=TOPIC,
                audience=VIP,
                rules=RULES,
                row=judged,
                ends=topic.within.ends_now(),
                now_ms=NOW_MS,
                uuid=UUID,
                write=topic.within.write,
            )
            await membership.heal_only()
            others.cancel()

        assert longest.keys() == {"read", "judged"}
        assert max(longest.values()) <= 2 * TURN_RECORDS


class SlicedRecords(list[MemberMessage]):
    """Counts what is taken of it."""

    def __init__(self, records: Sequence[MemberMessage], done: Counter[str]) -> None:
        super().__init__(records)
        self._done = done

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        self._done["read"] += len(found)
        return found


@dataclass(slots=True)
class OneList:
    """All records of a partition at once, and what was done with them since somebody looked."""

    within: MemoryMemberTopic
    done: Counter[str] = field(default_factory=Counter)

    @property
    def partitions(self) -> int:
        return self.within.partitions

    async def ends(self) -> Sequence[int]:
        return await self.within.ends()

    async def close(self) -> None:
        await self.within.close()

    async def read(
        self, partition: int, start: int, end: int
    ) -> AsyncGenerator[Sequence[MemberMessage], None]:
        log = self.within.logs.get(partition, [])
        yield SlicedRecords([one for one in log if start <= one.offset < end], self.done)


class TestRefusals:
    async def test_a_partition_without_its_layout_is_not_read_as_empty(self) -> None:
        """
        A topic that was deleted and made anew would make everybody leave.
        """
        with pytest.raises(LayoutMissing, match="no layout record"):
            await file_of(a_pass(MemoryMemberTopic()))

    @pytest.mark.parametrize(
        "layout",
        [
            encode_layout(Layout("another", 8, 8, HASH)),
            encode_layout(Layout(UUID, 16, 8, HASH)),
            encode_layout(Layout(UUID, 8, 4, HASH)),
            encode_layout(Layout(UUID, 8, 8, "crc32")),
            b'{"v":2}',
            b"nothing",
            None,
        ],
    )
    async def test_a_partition_with_another_layout_is_refused(self, layout: bytes | None) -> None:
        """
        Another uuid, another spread or another version: it is not ours, or not for us.
        """
        topic = laid_out()
        topic.append(3, LAYOUT_KEY, layout)

        with pytest.raises(LayoutMissing):
            await file_of(a_pass(topic))

    async def test_all_partitions_must_be_of_one_topic_where_none_was_known_before(self) -> None:
        """
        The first pass takes the uuid that it finds, and the same one everywhere.
        """
        topic = laid_out()
        membership = a_pass(topic, uuid=None)
        await membership.heal_only()

        mixed = laid_out()
        mixed.logs[5].clear()
        mixed.append(5, LAYOUT_KEY, encode_layout(Layout("another", 8, 8, HASH)))

        assert membership.found.uuid == UUID
        with pytest.raises(LayoutMissing):
            await a_pass(mixed, uuid=None).heal_only()

    async def test_a_member_written_for_other_columns_makes_no_snapshot(self) -> None:
        """
        A row with the columns of yesterday would be read as something else.
        """
        topic = laid_out()
        topic.state(MemberRecord(True, NOW_MS, Place("cdp", 0, 0, 0), "r-0", "id", []), "u-1")
        membership = a_pass(topic)

        with pytest.raises(NoSnapshot, match="stale_rendering"):
            await file_of(membership)
        assert membership.found.stale_rendering == "r-0"

    async def test_a_record_of_another_version_makes_no_snapshot_and_is_not_written_over(
        self,
    ) -> None:
        """
        What a newer program wrote is for that program to read.
        """
        topic = laid_out()
        key = member_key(VIP.audience, "u-1")
        topic.append(partition_of(key, partitions=8), key, b'{"v":2}')
        before = topic.ends_now()

        with pytest.raises(NoSnapshot, match="other_version"):
            await file_of(a_pass(topic))
        partition = partition_of(key, partitions=8)
        assert topic.ends_now()[partition] == before[partition]

    async def test_a_file_that_would_be_too_large_is_cut_and_makes_no_snapshot(self) -> None:
        """
        Nothing is stored beyond the bound, and the partitions are healed all the same.
        """
        topic = laid_out()
        for number in range(50):
            topic.state(add(identity=f"id-{number}"), f"u-{number}")
        membership = a_pass(topic, largest_file_bytes=200)
        stored: list[bytes] = []

        async def store() -> None:
            async for piece in membership.pieces():
                stored.append(piece)  # noqa: PERF401 - those before the end are looked at

        with pytest.raises(NoSnapshot, match="too_large"):
            await store()
        assert len(b"".join(stored)) <= 200
        assert membership.found.members == 50

    async def test_an_unreadable_record_is_counted_and_what_stood_before_it_counts(self) -> None:
        """
        A message that says nothing takes nobody out.
        """
        topic = laid_out()
        key = member_key(VIP.audience, "u-1")
        topic.state(add(identity="id-1"), "u-1")
        topic.append(partition_of(key, partitions=8), key, b"nothing")
        membership = a_pass(topic, buffer_bytes=1)

        assert await identities(membership) == ["id-1"]
        assert membership.found.unreadable == 1


async def healed(membership: MembershipPass) -> MembershipPass:
    await membership.heal_only()
    return membership


class TestOwnRecords:
    async def test_every_pass_writes_the_layout_again(self) -> None:
        """
        So an idle partition gets a new segment, and the one with removed identities is compacted.
        """
        topic = laid_out()

        await healed(a_pass(topic))

        last = [topic.logs[partition][-1] for partition in range(8)]
        assert {decode_layout(one.value) for one in last} == {Layout(UUID, 8, 8, HASH)}

    async def test_whatever_a_pass_writes_says_that_nothing_has_changed(self) -> None:
        """
        Who follows changes must not take a healed record for one: passes would never end.
        """
        topic = laid_out()
        topic.state(add(NOW_MS - 50 * DAY_MS), "u-1")
        topic.state(remove(NOW_MS - 40 * DAY_MS), "u-2")
        await healed(a_pass(topic))
        topic.state(add(NOW_MS - 60 * DAY_MS), "u-1")
        before = topic.ends_now()
        await healed(a_pass(topic))
        written = [
            (partition, one)
            for partition, log in topic.logs.items()
            for one in log
            if one.offset >= before[partition]
        ]

        assert len(written) >= 11
        assert all(healed_before(one.headers) == before[number] for number, one in written)

    async def test_a_pass_without_anything_to_heal_writes_no_member(self) -> None:
        """
        Healing comes to an end: a second pass finds nothing to do.
        """
        topic = laid_out()
        topic.state(remove(NOW_MS - 10), "u-1")
        topic.state(add(NOW_MS - 20), "u-1")

        first, second = await healed(a_pass(topic)), await healed(a_pass(topic))

        assert (first.found.written, second.found.written) == (9, 8)
