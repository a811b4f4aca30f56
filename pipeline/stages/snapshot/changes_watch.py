"""Follows what is stated of each audience: reads the members topic from the oldest snapshot on.

Nothing of this is stored. What has changed since a snapshot is what stands behind its ends, and a
successor reads that again.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from pipeline.domain.member_record import (
    MemberRecord,
    audience_part,
    audience_partitions,
    decode_member,
)
from pipeline.stages.ports import Record
from pipeline.stages.snapshot.healed import healed_before
from pipeline.stages.snapshot.open_transactions import OpenTransactions
from pipeline.stages.snapshot.ports import FollowedTopic, TopicUnreadable
from pipeline.stages.snapshot.run_records import Ends
from pipeline.stages.snapshot.schedule import Changes

LONGEST_LOOK_SECONDS = 60.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ChangesSince:
    """What was stated of one audience since a snapshot."""

    ends: Ends
    """From these offsets on; of another partition from its beginning."""
    changes: Changes = field(default_factory=Changes)

    oldest_healed_ms: int | None = None
    """When a pass wrote something again; kept only where that can be a former owner's."""

    def take_healed(self, partition: int, record: Record) -> None:
        """Nothing about a member has changed, but it may stand behind something newer."""
        if record.offset >= self.ends.get(partition, 0):
            self.oldest_healed_ms = _older(self.oldest_healed_ms, record.timestamp)

    def take_rewritten(
        self, partition: int, record: Record, said: MemberRecord, before: int
    ) -> None:
        """What a former owner's pass wrote again may be all that is left of a change.

        The times of the change are not known any more, only by when it was written again.
        """
        if before <= self.ends.get(partition, 0):
            return
        changes, at_ms = self.changes, record.timestamp
        changes.oldest_arrived_ms = _older(changes.oldest_arrived_ms, at_ms)
        changes.newest_arrived_ms = max(changes.newest_arrived_ms or 0, at_ms)
        if said.is_withdrawal:
            changes.oldest_withdrawal_ms = _older(changes.oldest_withdrawal_ms, at_ms)
        if said.is_member:
            changes.oldest_add_arrived_ms = _older(changes.oldest_add_arrived_ms, at_ms)
        else:
            changes.oldest_remove_ms = _older(changes.oldest_remove_ms, at_ms)

    @property
    def unhealed_since_ms(self) -> int | None:
        """Since when a pass over the members is wanted; None: it is not."""
        arrived_ms, healed_ms = self.changes.oldest_arrived_ms, self.oldest_healed_ms
        return arrived_ms if healed_ms is None else _older(arrived_ms, healed_ms)

    def take(self, partition: int, record: Record, said: MemberRecord) -> None:
        """One more record; those that the snapshot has seen do not count."""
        if record.offset < self.ends.get(partition, 0):
            return
        changes, arrived_ms = self.changes, record.timestamp
        changes.oldest_arrived_ms = _older(changes.oldest_arrived_ms, arrived_ms)
        changes.newest_arrived_ms = max(changes.newest_arrived_ms or 0, arrived_ms)
        if said.is_withdrawal:
            changes.oldest_withdrawal_ms = _older(changes.oldest_withdrawal_ms, said.changed_at_ms)
        if said.is_member:
            changes.adds += 1
            changes.oldest_add_ms = _older(changes.oldest_add_ms, said.changed_at_ms)
            changes.oldest_add_arrived_ms = _older(changes.oldest_add_arrived_ms, arrived_ms)
        else:
            changes.removes += 1
            changes.oldest_remove_ms = _older(changes.oldest_remove_ms, said.changed_at_ms)


@dataclass(slots=True)
class Watched:
    """One audience: what was stated since each snapshot of it that still matters."""

    ingested: ChangesSince
    """Since what the partner has."""
    newest: ChangesSince
    """Since the newest file."""
    passed: ChangesSince
    """Since the last pass over its members came to its end."""
    begun: ChangesSince | None = None
    """Since the beginning of a pass that goes on."""

    def begin(self, ends: Ends) -> ChangesSince:
        """A pass reads what stands before these offsets, which nobody has taken in yet."""
        self.begun = ChangesSince(ends)
        return self.begun

    def all(self) -> Iterator[ChangesSince]:
        different = {id(one): one for one in (self.ingested, self.newest, self.passed, self.begun)}
        return (one for one in different.values() if one is not None)


class ChangesWatch:
    """Of all audiences of one destination."""

    def __init__(self, topic: FollowedTopic, *, quiet: float, is_alone: bool) -> None:
        """Looks as often as it matters whether nothing has come for `quiet` seconds.

        `is_alone`: a former owner is shut out from the topic. Where it is not, what it heals late
        may stand behind something newer, and compaction would let that go.
        """
        self._is_alone = is_alone
        self._topic = topic
        self._look_seconds = max(1.0, min(LONGEST_LOOK_SECONDS, quiet))
        self._watched: dict[bytes, Watched] = {}
        self._positions: dict[int, int] = {}
        self._former: Sequence[int] | None = None
        """Before these offsets others wrote, who owned the destination before us."""
        self._turn = asyncio.Lock()
        self.open_transactions = OpenTransactions()
        """By the clock of the event loop."""

    def watch(self, audience: str, ingested: Ends, newest: Ends) -> Watched:
        """Follow an audience from what the partner has and from its newest file; before any read.

        The two are the same where there is no file after what the partner has.
        """
        since = ChangesSince(ingested)
        file = since if newest == ingested else ChangesSince(newest)
        self._watched[audience.encode()] = watched = Watched(since, file, file)
        for partition in audience_partitions(audience, partitions=self._topic.partitions):
            start = ingested.get(partition, 0)
            self._positions[partition] = min(self._positions.get(partition, start), start)
        return watched

    async def close(self) -> None:
        """Once nothing reads any more, a pass neither."""
        await self._topic.close()

    async def follow(self) -> None:
        """Read on until cancelled; brokers that are away are waited for."""
        while True:
            try:
                await self.read()
            except TopicUnreadable as error:
                log.warning("members not followed", error=str(error))
            await asyncio.sleep(self._look_seconds)

    async def read(self) -> Sequence[int]:
        """Take in everything that is stable now; returns where that ends, of every partition.

        Raises:
            TopicUnreadable: the brokers do not hand it out; what was taken in stays.
        """
        async with self._turn:
            return await self._read_all()

    async def begin(self, audience: str) -> tuple[ChangesSince, Sequence[int]]:
        """A pass begins now: returns what is stated from now on, and the ends of all partitions.

        Nothing can be taken in between the look at the ends and the beginning.

        Raises:
            TopicUnreadable: the brokers do not hand it out.
        """
        async with self._turn:
            ends = await self._read_all()
            return self._watched[audience.encode()].begin(ends_of(audience, ends)), ends

    async def _read_all(self) -> Sequence[int]:
        look = await self._topic.look()
        self.open_transactions.seen(look, asyncio.get_running_loop().time())
        ends = look.ends
        self._former = self._former or ends
        for partition in sorted(self._positions):
            if self._positions[partition] < ends[partition]:
                await self._read(partition, self._positions[partition], ends[partition])
        return ends

    async def _read(self, partition: int, start: int, end: int) -> None:
        async with aclosing(self._topic.read(partition, start, end)) as read:
            async for records in read:
                self._take(partition, records)
                self._positions[partition] = records[-1].offset + 1
                # Others get their turn, however much there is.
                await asyncio.sleep(0)
        self._positions[partition] = end

    def _take(self, partition: int, records: Sequence[Record]) -> None:
        for record in records:
            watched = self._watched.get(audience_part(record.key or b""))
            if watched is None:
                continue
            before = healed_before(record.headers)
            if before is not None and not self._is_alone:
                for since in watched.all():
                    since.take_healed(partition, record)
            said = None if record.value is None else decode_member(record.value)
            if isinstance(said, MemberRecord):
                self._take_statement(watched, partition, record, said, before)

    def _take_statement(
        self,
        watched: Watched,
        partition: int,
        record: Record,
        said: MemberRecord,
        before: int | None,
    ) -> None:
        if before is None:
            for since in watched.all():
                since.take(partition, record, said)
        elif self._former is not None and record.offset < self._former[partition]:
            # Of what we write again ourselves we have seen the first record.
            for since in watched.all():
                since.take_rewritten(partition, record, said, before)


def ends_of(audience: str, ends: Sequence[int]) -> Mapping[int, int]:
    """The ends of the partitions that hold this audience."""
    return {
        partition: ends[partition]
        for partition in audience_partitions(audience, partitions=len(ends))
    }


def _older(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
