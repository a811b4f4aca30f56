"""Where the work on a partition begins: the committed offset, and what to do when there is none."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.adapters.kafka.coordinator import Committed, Coordinator, Membership
from pipeline.flow.ports import StartingPoint
from pipeline.observability.telemetry import Telemetry

METADATA_FORMAT = 1
ANSWER_WAIT_MS = 600
START = Literal["earliest", "latest"]

log = structlog.get_logger(__name__)


class Beginning:
    """Finds the beginning of one partition without guessing.

    Every method raises `aiokafka.errors.KafkaError` when it got no good answer; then nothing is
    known, and the caller asks again.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        coordinator: Coordinator,
        tp: TopicPartition,
        *,
        membership: Callable[[], Membership],
        start: START,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._coordinator = coordinator
        self._tp = tp
        self._membership = membership
        self._start = start
        self._telemetry = telemetry

    async def find(self) -> StartingPoint:
        """The committed offset, or the first one there is; it moves the consumer's position."""
        # A process that was frozen asks before it touches what may be another's by now.
        await self._coordinator.confirm(self._membership())
        found = await self._coordinator.committed([self._tp])
        committed = found.get(self._tp)
        if committed is None:
            return await self._first()
        if await self._is_there(committed.offset):
            return StartingPoint(committed.offset, _says_clean(committed.metadata))
        return StartingPoint(await self.after_loss(committed.offset), is_clean=False)

    async def after_loss(self, wanted: int) -> int:
        """Count and tell what is gone; the oldest offset that is still there."""
        oldest = await self._oldest()
        lost = max(0, oldest - wanted)
        self._telemetry.offsets_lost(
            topic=self._tp.topic, partition=self._tp.partition, records=lost
        )
        log.error(
            "records are gone before they were read: going on from the oldest",
            topic=self._tp.topic,
            partition=self._tp.partition,
            wanted=wanted,
            oldest=oldest,
            lost=lost,
        )
        return oldest

    async def _first(self) -> StartingPoint:
        """`start` counts only where the group never worked on the topic.

        Later, a partition without an offset is a new one, and all of it is new.
        """
        if self._start == "latest":
            known = await self._coordinator.committed(self._siblings())
            if self._tp in known:
                return StartingPoint(known[self._tp].offset, _says_clean(known[self._tp].metadata))
            if not known:
                # All at once: marked alone, one partition would make the others look added.
                return await self._mark(await self._consumer.end_offsets(self._siblings()))
        return await self._mark({self._tp: await self._oldest()})

    async def _mark(self, offsets: Mapping[TopicPartition, int]) -> StartingPoint:
        """Commit where the very first start begins; nothing was sent yet, so it is clean.

        Otherwise a crash before any work was committed would make the next start the first one
        again, and `latest` would skip what came between.
        """
        marks = {tp: Committed(offset, metadata(clean=True)) for tp, offset in offsets.items()}
        failed = await self._coordinator.commit(self._membership(), marks)
        for failure in failed.values():
            raise failure()
        return StartingPoint(offsets[self._tp], is_clean=True)

    def _siblings(self) -> Sequence[TopicPartition]:
        """All partitions of the topic."""
        numbers = self._consumer.partitions_for_topic(self._tp.topic) or ()
        return [TopicPartition(self._tp.topic, n) for n in sorted({self._tp.partition, *numbers})]

    async def _oldest(self) -> int:
        return int((await self._consumer.beginning_offsets([self._tp]))[self._tp])

    async def _is_there(self, offset: int) -> bool:
        """Whether the partition still goes on from this offset: asked by fetching.

        The offsets that brokers name for the ends are not enough: the embedded one names an end
        that is too low, and a topic that was made anew may have grown past the old offset.
        """
        self._consumer.seek(self._tp, offset)
        try:
            await self._consumer.getmany(self._tp, timeout_ms=ANSWER_WAIT_MS, max_records=1)
        except kafka_errors.OffsetOutOfRangeError:
            return False
        return True


def metadata(*, clean: bool) -> str:
    """What a commit says of the requests sent: whether each has its answer."""
    return json.dumps({"format": METADATA_FORMAT, "clean": clean})


def _says_clean(said: str) -> bool:
    try:
        parsed = json.loads(said)
    except ValueError:
        return False
    return (
        isinstance(parsed, dict)
        and parsed.get("format") == METADATA_FORMAT
        and parsed.get("clean") is True
    )
