"""One source partition in memory: its events, what its group committed, and a fencing writer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from pipeline.domain.message import Message
from pipeline.stages.ports import NONE_PAUSED, Carried, OutgoingRecord, Partition, StartingPoint
from tests.fakes.lane_world import TopicRecord


@dataclass(slots=True)
class Source:
    """What the cluster knows of the partition; a transaction is done at once or not at all."""

    random: Random
    events: list[TopicRecord] = field(default_factory=list)
    committed: int = 0
    epoch: int = 0
    keeps: bool = True
    """Whether what is carried is remembered; a test of memory would measure that."""
    records: list[tuple[Partition, OutgoingRecord]] = field(default_factory=list)
    """What was carried, and where to."""
    letters: list[Message] = field(default_factory=list)
    refused: int = 0
    """Transactions of former owners."""
    latency: float = 0.4
    """Seconds that a call to the cluster takes at most."""

    def put(self, value: bytes | None, key: bytes | None = b"key") -> None:
        self.events.append(TopicRecord(len(self.events), key, value, ()))

    @property
    def carried(self) -> list[bytes]:
        return [record.value for _, record in self.records]

    def in_topic(self, topic: str) -> list[bytes]:
        return [record.value for where, record in self.records if where.topic == topic]

    async def travel(self) -> None:
        await asyncio.sleep(self.random.uniform(0.0, self.latency))


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
        self,
        offset: int,
        *,
        clean: bool = False,
        paused: Mapping[str, int] = NONE_PAUSED,
        done_to: int | None = None,
    ) -> None:
        self.settled = offset

    async def wait_held(self) -> None:
        return None

    def lag(self) -> int | None:
        return None


def size_of(message: Message | OutgoingRecord) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name) + len(value) for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers


@dataclass(slots=True)
class Broker:
    """What it takes, and what it says that it takes."""

    takes: dict[str, int] = field(default_factory=dict)
    """Bytes of a record, by topic."""
    says: dict[str, int] = field(default_factory=dict)
    in_time: int | None = None
    """Records that come through before the transaction times out."""

    def largest_record(self, topic: str) -> int:
        return self.says.get(topic, self.takes.get(topic, 999_500))

    def refuses(self, topic: str, message: Message | OutgoingRecord) -> bool:
        return size_of(message) > self.takes.get(topic, 1_000_000)


@dataclass(slots=True)
class FencingWriter:
    """A transactional writer: opening it shuts out whoever had it; some transactions fail."""

    source: Source
    failing: float = 0.0
    broker: Broker = field(default_factory=Broker)
    epoch: int = -1
    transactions: list[tuple[int, int]] = field(default_factory=list)
    """Messages and bytes of every one that was tried."""

    async def open(self) -> None:
        await self.source.travel()
        self.source.epoch += 1
        self.epoch = self.source.epoch
        await self.source.travel()

    async def carry(
        self,
        outgoing: Mapping[Partition, Sequence[OutgoingRecord]],
        letters: Sequence[Message],
        next_offset: int,
    ) -> Carried:
        """Whether it came through is not always known: `failed` may be said of one that did."""
        await self.source.travel()
        if self.epoch != self.source.epoch:
            self.source.refused += 1
            await asyncio.sleep(1.0)
            return "failed"
        messages = [(where, one) for where, records in outgoing.items() for one in records]
        trouble = self._trouble(
            [
                *((where.topic, one) for where, one in messages),
                *((letter.topic, letter) for letter in letters),
            ]
        )
        if trouble is not None:
            return trouble
        chance = self.source.random.random()
        if chance < self.failing / 2:
            return "failed"
        self.source.records += messages if self.source.keeps else []
        self.source.letters += letters
        self.source.committed = next_offset
        await self.source.travel()
        return "durable" if chance >= self.failing else "failed"

    def _trouble(self, messages: Sequence[tuple[str, Message | OutgoingRecord]]) -> Carried | None:
        self.transactions.append((len(messages), sum(size_of(one) for _, one in messages)))
        if any(self.broker.refuses(topic, one) for topic, one in messages):
            return "too_large"
        in_time = self.broker.in_time
        return "timed_out" if in_time is not None and len(messages) > in_time else None

    async def close(self) -> None:
        return None
