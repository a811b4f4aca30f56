"""The topic of a destination's snapshots, as a stranger reads it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from pipeline.stages.snapshot.run_records import (
    TAKEOVER_KEY,
    AudienceState,
    RunRecord,
    decode_run,
    decode_state,
)

START_SECONDS = 90.0


class Seen(NamedTuple):
    """One message: a state of an audience, a run, or the takeover by another owner."""

    offset: int
    audience: str
    said: AudienceState | RunRecord | None
    """None for a takeover."""
    at_ms: int = 0
    """When the broker had it."""

    @property
    def state(self) -> str:
        """Empty for a run."""
        if self.said is None:
            return "takeover"
        return self.said.state if isinstance(self.said, AudienceState) else ""


@dataclass(slots=True)
class OwnerTopic:
    """Follows the topic from its beginning; transactions that may still be aborted, too."""

    bootstrap_servers: str
    topic: str
    seen: list[Seen] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Until the end of the block; begins once the topic is there."""
        await self._until_made()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(self._follow())
            try:
                yield
            finally:
                following.cancel()

    async def until(self, state: str, since: int, seconds: float) -> bool:
        """Whether the state of any audience appears, as the `since`-th message or later."""
        try:
            async with asyncio.timeout(seconds):
                while not any(one.state == state for one in self.seen[since:]):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    def states(self) -> dict[str, AudienceState]:
        """The newest of every audience."""
        return {one.audience: one.said for one in self.seen if isinstance(one.said, AudienceState)}

    async def history(self) -> Sequence[Seen]:
        """What was committed, from the beginning to now."""
        place = TopicPartition(self.topic, 0)
        found: list[Seen] = []
        async with self._reading("read_committed") as consumer:
            end = (await consumer.end_offsets([place]))[place]
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [seen for record in records if (seen := _seen(record)) is not None]
        return found

    async def _follow(self) -> None:
        async with self._reading("read_uncommitted") as consumer:
            async for record in consumer:
                seen = _seen(record)
                if seen is not None:
                    self.seen.append(seen)
                    self._news.set()

    async def _until_made(self) -> None:
        """A consumer that asked for the topic before its owner would have it made, and wrongly."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            async with asyncio.timeout(START_SECONDS):
                while self.topic not in await admin.list_topics():
                    await asyncio.sleep(0.2)
        finally:
            await admin.close()

    @asynccontextmanager
    async def _reading(self, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, isolation_level=isolation
        )
        await consumer.start()
        try:
            place = TopicPartition(self.topic, 0)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            yield consumer
        finally:
            await consumer.stop()


def _seen(record: ConsumerRecord[bytes, bytes]) -> Seen | None:
    """Nothing for what is neither a state, nor a run, nor a takeover."""
    if record.key == TAKEOVER_KEY:
        return Seen(record.offset, "", None, record.timestamp)
    kind, _, name = (record.key or b"").decode().partition("|")
    if kind == "a" and record.value is not None:
        return Seen(record.offset, name, decode_state(record.value), record.timestamp)
    if kind == "r" and record.value is not None:
        run = decode_run(record.value)
        return Seen(record.offset, run.audience, run, record.timestamp)
    return None
