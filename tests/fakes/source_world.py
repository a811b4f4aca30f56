"""One source partition in memory: its events, what its group committed, and a fencing writer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pipeline.domain.message import Message
from pipeline.stages.ports import NONE_PAUSED, OutgoingRecord, StartingPoint
from tests.fakes.lane_world import TopicRecord


@dataclass(slots=True)
class Source:
    """What the cluster knows of the partition; a transaction is done at once or not at all."""

    random: Random
    events: list[TopicRecord] = field(default_factory=list)
    committed: int = 0
    epoch: int = 0
    carried: list[bytes] = field(default_factory=list)
    letters: list[Message] = field(default_factory=list)
    refused: int = 0
    """Transactions of former owners."""

    def put(self, value: bytes | None, key: bytes = b"key") -> None:
        self.events.append(TopicRecord(len(self.events), key, value, ()))

    async def travel(self) -> None:
        await asyncio.sleep(self.random.uniform(0.0, 0.4))


@dataclass(slots=True)
class SourceLease:
    """Reads from the committed offset; one that was lost never begins again."""

    source: Source
    topic: str = "cdp"
    partition: int = 0
    is_held: bool = True
    position: int = 0
    settled: int = -1

    async def begin(self) -> StartingPoint:
        if not self.is_held:
            await asyncio.Event().wait()
        await self.source.travel()
        committed = self.source.committed
        await self.source.travel()
        self.position = committed
        return StartingPoint(committed, is_clean=True)

    async def fetch(self, most: int) -> Sequence[TopicRecord]:
        await self.source.travel()
        records = self.source.events[self.position : self.position + most]
        self.position += len(records)
        if not records:
            await asyncio.sleep(1.0)
        return records

    def pause(self) -> None:
        return None

    def seek(self, offset: int) -> None:
        self.position = offset

    def settle(
        self, offset: int, *, clean: bool = False, paused: Mapping[str, int] = NONE_PAUSED
    ) -> None:
        self.settled = offset

    async def wait_held(self) -> None:
        return None

    def lag(self) -> int | None:
        return None


@dataclass(slots=True)
class FencingHop:
    """A transactional writer: opening it shuts out whoever had it; some transactions fail."""

    source: Source
    failing: float = 0.0
    epoch: int = -1

    async def open(self) -> None:
        await self.source.travel()
        self.source.epoch += 1
        self.epoch = self.source.epoch
        await self.source.travel()

    async def carry(
        self,
        outgoing: Mapping[str, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> bool:
        """Whether it came through is not always known: False may be said of one that did."""
        await self.source.travel()
        if self.epoch != self.source.epoch:
            self.source.refused += 1
            await asyncio.sleep(1.0)
            return False
        trouble = self.source.random.random()
        if trouble < self.failing / 2:
            return False
        self.source.carried += [record.value for lane in outgoing.values() for record in lane]
        self.source.letters += letters
        self.source.committed = next_offset
        await self.source.travel()
        return trouble >= self.failing

    async def close(self) -> None:
        return None
