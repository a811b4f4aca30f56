"""One pass over all members of an audience: makes the rows of its file, and heals its partitions.

For each partition the file holds the winners among the records before a fixed end. A pass also
writes the records that compaction needs (see `kept_winner`), raises the floor (see `member_floor`),
and writes the layout again, so that Kafka can close the segment that holds removed identities.

A pass may die anywhere, and may run beside another pass, because it writes in a safe order. It
forgets an add beyond the horizon before the floor's offset passes that add. It forgets a remove
only after it has read a floor above that remove.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

from pipeline.destinations.snapshots import SnapshotAudience, SnapshotRules
from pipeline.domain.member_floor import KEEP_REMOVES_MS, Floor, encode_floor, floor_key
from pipeline.domain.member_record import LAYOUT_KEY, Layout, audience_partitions, encode_layout
from pipeline.stages.snapshot.healed import healed
from pipeline.stages.snapshot.judge import Judge
from pipeline.stages.snapshot.pass_findings import NoSnapshot, PassFindings, PassTooLong
from pipeline.stages.snapshot.pass_tally import PassTally
from pipeline.stages.snapshot.ports import MemberTopic, Written
from pipeline.stages.snapshot.topic_layout import proven_floor, proven_layout
from pipeline.stages.snapshot.turns import Turns
from pipeline.stages.snapshot.winners import BUCKETS, Winners

TURN_RECORDS: Final = 50
"""The event loop gets its turn after so many records, half a millisecond of work."""
WRITE_RECORDS: Final = 500
LONGEST_SECONDS: Final = 12 * 3600.0
"""The longest pass: half of the time for which compaction leaves a record alone."""


class MembershipPass:
    """Reads an audience once, partition by partition. Call only one of its methods, and once.

    The pass awaits `write` for each portion of its messages. Both methods raise `LayoutMissing`,
    `PassTooLong`, and the errors of the topic and of `write`.
    """

    def __init__(
        self,
        *,
        topic: MemberTopic,
        topic_name: str,
        audience: SnapshotAudience,
        rules: SnapshotRules,
        row: Callable[[str, Sequence[str]], bytes],
        ends: Sequence[int],
        now_ms: int,
        uuid: str | None,
        write: Callable[[Sequence[Written]], Awaitable[None]],
    ) -> None:
        """`ends`: the end offsets of all partitions of the topic, as they were a moment ago.

        `uuid`: the uuid that the topic's layout had before; None accepts any, and `found` names it.
        """
        self._topic = topic
        self._topic_name = topic_name
        self._audience = audience
        self._buffer_bytes = rules.buffer_bytes
        self._row = row
        self._forget_before_ms = now_ms - KEEP_REMOVES_MS
        self._uuid = uuid
        self._write = write
        partitions = audience_partitions(audience.audience, partitions=topic.partitions)
        self._ends = {partition: ends[partition] for partition in partitions}
        self._tally = PassTally(largest_bytes=rules.largest_file_bytes - len(audience.header))
        self._turns = Turns()
        self._waiting: list[Written] = []
        self._deadline = _now() + LONGEST_SECONDS

    @property
    def found(self) -> PassFindings:
        """The findings, complete once a method has ended; they also explain a `NoSnapshot`."""
        return self._tally.findings(uuid=self._uuid or "", ends=self._ends)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the file, some kilobytes at a time.

        Raises:
            NoSnapshot: at the end, when the yielded file must not become visible.
        """
        yield self._audience.header
        async with aclosing(self._all_rows()) as all_rows:
            async for rows in all_rows:
                if not self._tally.is_too_large:
                    yield rows
        unfit = self._tally.unfit()
        if unfit is not None:
            raise NoSnapshot(unfit)
        if not self._tally.rows:
            yield self._audience.empty_row

    async def heal_only(self) -> None:
        """Run the pass without a file; never raises `NoSnapshot`."""
        async with aclosing(self._all_rows()) as all_rows:
            async for _ in all_rows:
                pass

    async def _all_rows(self) -> AsyncGenerator[bytes, None]:
        for partition in self._ends:
            async with aclosing(self._rows(partition)) as some_rows:
                async for rows in some_rows:
                    yield rows

    async def _rows(self, partition: int) -> AsyncGenerator[bytes, None]:
        """Yield the rows of one partition; read it several times if memory is short."""
        first = covered_ms = 0
        while True:
            winners = await self._winners(partition, first)
            layout, floor = self._proven(partition, winners)
            self._tally.add_reading(winners.unreadable, winners.other_version)
            judge = self._judge(partition, floor)
            for some in winners.drain(TURN_RECORDS):
                async with self._turns:
                    rows, again = judge.judge(some)
                await self._write_later(again)
                if rows:
                    yield rows
            first, covered_ms = winners.past, max(covered_ms, judge.covered_ms)
            if first == BUCKETS:
                break
        # The floor's offset may pass an add beyond the horizon only after the add is forgotten.
        await self._write_waiting()
        self._waiting += self._layout_and_floor(partition, layout, floor, covered_ms)
        await self._write_waiting()

    async def _winners(self, partition: int, first: int) -> Winners:
        winners = Winners(
            audience=self._audience.audience,
            rendering=self._audience.rendering,
            buffer_bytes=self._buffer_bytes,
            old_before_ms=self._forget_before_ms,
            first=first,
        )
        async with aclosing(self._topic.read(partition, 0, self._ends[partition])) as read:
            async for records in read:
                for start in range(0, len(records), TURN_RECORDS):
                    async with self._turns:
                        winners.take(records[start : start + TURN_RECORDS])
                self._check_time()
        return winners

    def _proven(self, partition: int, winners: Winners) -> tuple[Layout, Floor]:
        where = f"{self._topic_name}, partition {partition},"
        layout = proven_layout(
            winners.layouts, where=where, partitions=self._topic.partitions, uuid=self._uuid
        )
        self._uuid = layout.uuid
        return layout, proven_floor(winners.floor, where=where)

    def _judge(self, partition: int, floor: Floor) -> Judge:
        return Judge(
            topic=self._topic_name,
            partition=partition,
            audience=self._audience,
            end=self._ends[partition],
            floor=floor,
            row=self._row,
            tally=self._tally,
        )

    def _layout_and_floor(
        self, partition: int, layout: Layout, floor: Floor, covered_ms: int
    ) -> Sequence[Written]:
        """Return the partition's layout again, and its floor if it has one."""
        mark = healed(self._ends[partition])
        own = [Written(self._topic_name, partition, LAYOUT_KEY, encode_layout(layout), mark)]
        if covered_ms or floor.before_ms:
            raised = floor.joined(Floor(covered_ms, self._ends[partition]))
            key = floor_key(self._audience.audience)
            own.append(Written(self._topic_name, partition, key, encode_floor(raised), mark))
        return own

    async def _write_later(self, messages: Sequence[Written]) -> None:
        self._waiting += messages
        if len(self._waiting) >= WRITE_RECORDS:
            await self._write_waiting()

    async def _write_waiting(self) -> None:
        """Write what waits, but nothing over the records of another version of this program."""
        self._check_time()
        waiting, self._waiting = self._waiting, []
        if waiting and self._tally.other_version is None:
            await self._write(waiting)
            self._tally.written += len(waiting)

    def _check_time(self) -> None:
        if _now() > self._deadline:
            raise PassTooLong


def _now() -> float:
    return asyncio.get_running_loop().time()
