"""Follows the changes of each audience: reads the members topic from the oldest snapshot on.

Nothing of this is stored. The changes since a snapshot are the records behind its end offsets, and
a successor reads them again.
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
    """The changes of one audience since a snapshot."""

    ends: Ends
    """Count records from these offsets on; in a partition without an offset, all of them."""
    changes: Changes = field(default_factory=Changes)

    oldest_healed_ms: int | None = None
    """When a pass wrote a record again; only set where a former owner may have done so."""

    def take_healed(self, partition: int, record: Record) -> None:
        """Note a record that a pass wrote again: it is no change, but may follow a newer record."""
        if record.offset >= self.ends.get(partition, 0):
            self.oldest_healed_ms = _older(self.oldest_healed_ms, record.timestamp)

    def take_rewritten(
        self, partition: int, record: Record, said: MemberRecord, before: int
    ) -> None:
        """Count a record that a former owner's pass wrote again: its change may have no other.

        The time of the change itself is lost, so the time of the new record stands for it.
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
        """Since when the members need a pass; None: they need none."""
        arrived_ms, healed_ms = self.changes.oldest_arrived_ms, self.oldest_healed_ms
        return arrived_ms if healed_ms is None else _older(arrived_ms, healed_ms)

    def take(self, partition: int, record: Record, said: MemberRecord) -> None:
        """Count one more record, unless the snapshot has read it already."""
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
    """The changes of one audience since each of its snapshots that still matters."""

    ingested: ChangesSince
    """Since the snapshot that the partner has."""
    newest: ChangesSince
    """Since the newest file."""
    passed: ChangesSince
    """Since the last finished pass over its members."""
    begun: ChangesSince | None = None
    """Since the beginning of the pass that runs now; None: none runs."""

    def begin(self, ends: Ends) -> ChangesSince:
        """Begin a pass, which reads all before these offsets; return the changes from there on."""
        self.begun = ChangesSince(ends)
        return self.begun

    def all(self) -> Iterator[ChangesSince]:
        different = {id(one): one for one in (self.ingested, self.newest, self.passed, self.begun)}
        return (one for one in different.values() if one is not None)


class ChangesWatch:
    """Watches the changes of all audiences of one destination."""

    def __init__(self, topic: FollowedTopic, *, quiet: float, is_alone: bool) -> None:
        """Read the topic often enough to notice a pause of `quiet` seconds.

        `is_alone`: a former owner cannot write to the topic. Where it can, a record that it writes
        again late may follow a newer one, and compaction would delete the newer one.
        """
        self._is_alone = is_alone
        self._topic = topic
        self._look_seconds = max(1.0, min(LONGEST_LOOK_SECONDS, quiet))
        self._watched: dict[bytes, Watched] = {}
        self._positions: dict[int, int] = {}
        self._former: Sequence[int] | None = None
        """Former owners wrote the records before these offsets."""
        self._turn = asyncio.Lock()
        self.open_transactions = OpenTransactions()
        """Its times are of the clock of the event loop."""

    def watch(self, audience: str, ingested: Ends, newest: Ends) -> Watched:
        """Follow an audience from the partner's snapshot and from the newest file; before any read.

        The two are the same where no file is newer than the partner's snapshot.
        """
        since = ChangesSince(ingested)
        file = since if newest == ingested else ChangesSince(newest)
        self._watched[audience.encode()] = watched = Watched(since, file, file)
        for partition in audience_partitions(audience, partitions=self._topic.partitions):
            start = ingested.get(partition, 0)
            self._positions[partition] = min(self._positions.get(partition, start), start)
        return watched

    async def close(self) -> None:
        """Close the topic. Call it when nothing reads any more, and no pass runs."""
        await self._topic.close()

    async def follow(self) -> None:
        """Read on until cancelled; wait for brokers that are away."""
        while True:
            try:
                await self.read()
            except TopicUnreadable as error:
                log.warning("members not followed", error=str(error))
            await asyncio.sleep(self._look_seconds)

    async def read(self) -> Sequence[int]:
        """Take in all stable records; return the end offset of every partition.

        Raises:
            TopicUnreadable: the brokers do not hand out the records; those taken in before stay.
        """
        async with self._turn:
            return await self._read_all()

    async def begin(self, audience: str) -> tuple[ChangesSince, Sequence[int]]:
        """Begin a pass; return the changes from now on, and the end offsets of all partitions.

        No record is taken in between the look at the ends and the beginning of the pass.

        Raises:
            TopicUnreadable: the brokers do not hand out the records.
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
                # Other tasks get their turn, also while there is much to read.
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
            # We saw the first record of each change that our own passes write again.
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
