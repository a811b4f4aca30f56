"""Where the work on a partition begins: the committed offset, and what to do when there is none."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.coordinator import Committed, Coordinator, Generation
from pipeline.stages.ports import NONE_PAUSED, StartingPoint
from pipeline.telemetry.facts import Telemetry

METADATA_FORMAT = 2
LARGEST_METADATA_BYTES = 4096
"""What brokers take of it unless told otherwise (offset.metadata.max.bytes)."""
ANSWER_WAIT_MS = 600
START = Literal["earliest", "latest"]

log = structlog.get_logger(__name__)


class OffsetResolver:
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
        generation: Callable[[], Generation],
        start: START,
        telemetry: Telemetry,
    ) -> None:
        self._consumer = consumer
        self._coordinator = coordinator
        self._tp = tp
        self._generation = generation
        self._start = start
        self._telemetry = telemetry

    async def find(self) -> StartingPoint:
        """The committed offset, or the first one there is; it moves the consumer's position."""
        # A process that was frozen asks before it touches what may be another's by now.
        await self._coordinator.confirm(self._generation())
        found = await self._coordinator.committed([self._tp])
        committed = found.get(self._tp)
        if committed is None:
            return await self._first()
        start = await self._said(committed)
        if await self._is_there(committed.offset):
            return start
        lost_to = await self.after_loss(committed.offset)
        # A log that begins anew, lower, takes what was kept back along.
        paused = {audience: min(since, lost_to) for audience, since in start.paused.items()}
        others = None if start.others_paused is None else min(start.others_paused, lost_to)
        return StartingPoint(lost_to, is_clean=False, paused=paused, others_paused=others)

    async def after_loss(self, requested: int) -> int:
        """Count and tell what is gone; the oldest offset that is still there."""
        oldest = await self._oldest()
        lost = max(0, oldest - requested)
        self._telemetry.offsets_lost(
            topic=self._tp.topic, partition=self._tp.partition, records=lost
        )
        log.error(
            "records are gone before they were read: going on from the oldest",
            topic=self._tp.topic,
            partition=self._tp.partition,
            requested=requested,
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
                return await self._said(known[self._tp])
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
        failed = await self._coordinator.commit(self._generation(), marks)
        for failure in failed.values():
            raise failure()
        return StartingPoint(offsets[self._tp], is_clean=True)

    async def _said(self, committed: Committed) -> StartingPoint:
        """What a commit says; one without metadata leaves open what was kept back."""
        said = read_metadata(committed.metadata)
        if said is None:
            oldest = min(committed.offset, await self._oldest())
            return StartingPoint(committed.offset, is_clean=False, others_paused=oldest)
        return StartingPoint(committed.offset, said.is_clean, said.paused, said.others_paused)

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


def metadata(*, clean: bool, paused: Mapping[str, int] = NONE_PAUSED) -> str:
    """What a commit says beside the offset.

    `clean`: whether each request sent has its answer. `paused`: since which offset each audience is
    kept back, or, where that is more than brokers take, `paused_since`: the lowest of them for all.
    It stands here because a commit is refused to a former owner, and offset and pauses move as one.
    """
    said: dict[str, object] = {"format": METADATA_FORMAT, "clean": clean}
    if not paused:
        return json.dumps(said)
    whole = json.dumps(said | {"paused": paused}, separators=(",", ":"))
    if len(whole) <= LARGEST_METADATA_BYTES:
        return whole
    return json.dumps(said | {"paused_since": min(paused.values())})


class Said(NamedTuple):
    """What a commit said beside the offset."""

    is_clean: bool
    paused: Mapping[str, int]
    others_paused: int | None


def read_metadata(text: str) -> Said | None:
    """None for what nobody here wrote; keys that a later version adds are passed over."""
    try:
        said = json.loads(text)
        if said["format"] != METADATA_FORMAT:
            return None
        paused = {audience: int(since) for audience, since in said.get("paused", {}).items()}
        others = said.get("paused_since")
        return Said(said.get("clean") is True, paused, None if others is None else int(others))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
