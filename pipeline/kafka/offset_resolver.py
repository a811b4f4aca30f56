"""Where the work on a partition begins: the committed offset, and what to do when there is none."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Literal, NamedTuple

import structlog
from aiokafka import TopicPartition

from pipeline.kafka.coordinator import Committed
from pipeline.kafka.group_offsets import GroupOffsets
from pipeline.stages.ports import NONE_PAUSED, StartingPoint
from pipeline.telemetry.facts import KafkaTelemetry

METADATA_FORMAT = 2
LARGEST_METADATA_BYTES = 4096
"""What brokers take of it unless told otherwise (offset.metadata.max.bytes)."""
START = Literal["earliest", "latest"]

log = structlog.get_logger(__name__)


class OffsetResolver:
    """Finds where the work on one partition starts, without guessing.

    Every method raises `aiokafka.errors.KafkaError` when it got no good answer; then nothing is
    known, and the caller asks again.
    """

    def __init__(
        self,
        offsets: GroupOffsets,
        tp: TopicPartition,
        *,
        start: START,
        telemetry: KafkaTelemetry,
    ) -> None:
        self._offsets = offsets
        self._tp = tp
        self._start = start
        self._telemetry = telemetry

    async def find(self, is_readable: Callable[[int], Awaitable[bool]]) -> StartingPoint:
        """The committed offset, or the first one there is.

        `is_readable` asks for one offset by fetching from it.
        """
        committed = await self._offsets.committed(self._tp)
        if committed is None:
            return await self._first()
        start = await self._said(committed)
        if await self._is_there(committed.offset, is_readable):
            return start
        lost_to = await self.after_loss(committed.offset)
        # A log that begins anew, lower, takes what was kept back along.
        paused = {audience: min(since, lost_to) for audience, since in start.paused.items()}
        others = None if start.others_paused is None else min(start.others_paused, lost_to)
        return StartingPoint(lost_to, is_clean=False, paused=paused, others_paused=others)

    async def after_loss(self, requested: int) -> int:
        """Count and tell what is gone; the oldest offset that is still there."""
        oldest = await self._offsets.oldest(self._tp)
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
            siblings = self._offsets.partitions(self._tp.topic)
            known = await self._offsets.committed_of({self._tp, *siblings})
            if self._tp in known:
                return await self._said(known[self._tp])
            if not known:
                return await self._first_of_topic({self._tp, *siblings})
        return await self._mark({self._tp: await self._offsets.oldest(self._tp)})

    async def _first_of_topic(self, partitions: Collection[TopicPartition]) -> StartingPoint:
        """All at once: marked alone, one partition would make the others look added."""
        if not await self._offsets.were_forgotten():
            return await self._mark({tp: await self._offsets.end(tp) for tp in partitions})
        log.error(
            "the offsets of the group are gone, and our topics say that this is no first start: "
            "reading from the oldest records, and not from the latest as configured",
            topic=self._tp.topic,
        )
        # Every topic of the group: the next one to ask would take these marks for a group that is
        # remembered, and skip to its end.
        everything = {self._tp, *partitions, *self._offsets.all_partitions()}
        return await self._mark({tp: await self._offsets.oldest(tp) for tp in everything})

    async def _mark(self, offsets: Mapping[TopicPartition, int]) -> StartingPoint:
        """Commit where the very first start begins; nothing was sent yet, so it is clean.

        Otherwise a crash before any work was committed would make the next start the first one
        again, and `latest` would skip what came between.
        """
        await self._offsets.commit(
            {tp: Committed(offset, metadata(clean=True)) for tp, offset in offsets.items()}
        )
        return StartingPoint(offsets[self._tp], is_clean=True)

    async def _said(self, committed: Committed) -> StartingPoint:
        """What a commit says; one without metadata leaves open what was kept back."""
        said = read_metadata(committed.metadata)
        if said is None:
            oldest = min(committed.offset, await self._offsets.oldest(self._tp))
            return StartingPoint(committed.offset, is_clean=False, others_paused=oldest)
        offset = max(committed.offset, said.done_to or 0)
        return StartingPoint(offset, said.is_clean, said.paused, said.others_paused)

    async def _is_there(self, offset: int, is_readable: Callable[[int], Awaitable[bool]]) -> bool:
        """Whether the partition still goes on from this offset.

        Between the ends that brokers name it does. Beyond them only a fetch tells: the embedded
        broker names an end that is too low.
        """
        if offset < await self._offsets.oldest(self._tp):
            return False
        return offset <= await self._offsets.end(self._tp) or await is_readable(offset)


def metadata(
    *, clean: bool, paused: Mapping[str, int] = NONE_PAUSED, done_to: int | None = None
) -> str:
    """What a commit says beside the offset.

    `clean`: whether each request sent has its answer. `paused`: since which offset each audience is
    kept back, or, where that is more than brokers take, `paused_since`: the lowest of them for all.
    `done_to`: up to where everything else is done, if that is known only to who reads `paused`.
    It stands here because a commit is refused to a former owner, and offset and pauses move as one.
    """
    said: dict[str, object] = {"format": METADATA_FORMAT, "clean": clean}
    if not paused:
        return json.dumps(said)
    ahead = {} if done_to is None else {"done_to": done_to}
    whole = json.dumps(said | {"paused": paused} | ahead, separators=(",", ":"))
    if len(whole) <= LARGEST_METADATA_BYTES:
        return whole
    return json.dumps(said | {"paused_since": min(paused.values())})


class Said(NamedTuple):
    """What a commit said beside the offset."""

    is_clean: bool
    paused: Mapping[str, int]
    others_paused: int | None
    done_to: int | None = None


def read_metadata(text: str) -> Said | None:
    """None for what nobody here wrote; keys that a later version adds are passed over."""
    try:
        said: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("format") != METADATA_FORMAT:
        return None
    paused = said.get("paused", {})
    if not isinstance(paused, dict) or not all(map(_is_offset, paused.values())):
        return None
    others, done_to = said.get("paused_since"), said.get("done_to")
    if not all(one is None or _is_offset(one) for one in (others, done_to)):
        return None
    return Said(said.get("clean") is True, paused, others, done_to)


def _is_offset(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63
