"""Finds where the work on a partition begins: the committed offset, or another one without it."""

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
"""The default limit of brokers for it (offset.metadata.max.bytes)."""
START = Literal["earliest", "latest"]

log = structlog.get_logger(__name__)


class OffsetResolver:
    """Finds where the work on one partition starts, without guessing.

    Every method raises `aiokafka.errors.KafkaError` without a good answer. Then nothing is known,
    and the caller asks again.
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
        """Return the committed offset, or the first one for a start without it.

        `is_readable` checks an offset by fetching from it.
        """
        committed = await self._offsets.committed(self._tp)
        if committed is None:
            return await self._first()
        start = await self._starting_point(committed)
        # Where the work goes on lies behind the end if the topic begins anew and is short still.
        needed = {committed.offset, start.offset}
        if all([await self._is_there(offset, is_readable) for offset in sorted(needed)]):
            return start
        lost_to = await self.after_loss(committed.offset)
        # If the topic begins anew at a lower offset, the pauses begin there, too.
        paused = {audience: min(since, lost_to) for audience, since in start.paused.items()}
        others = None if start.others_paused is None else min(start.others_paused, lost_to)
        return StartingPoint(lost_to, is_clean=False, paused=paused, others_paused=others)

    async def after_loss(self, requested: int) -> int:
        """Count and log the lost records; return the oldest offset that still exists."""
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
        """Return where to start without a committed offset.

        `start` counts only if the group never worked on the topic. Later, a partition without an
        offset was added, and all its records are new.
        """
        if self._start == "latest":
            siblings = self._offsets.partitions(self._tp.topic)
            known = await self._offsets.committed_of({self._tp, *siblings})
            if self._tp in known:
                return await self._starting_point(known[self._tp])
            if not known:
                return await self._first_of_topic({self._tp, *siblings})
        return await self._mark({self._tp: await self._offsets.oldest(self._tp)})

    async def _first_of_topic(self, partitions: Collection[TopicPartition]) -> StartingPoint:
        """Mark all partitions at once: with one mark the others would look like added ones."""
        if not await self._offsets.were_forgotten():
            return await self._mark({tp: await self._offsets.end(tp) for tp in partitions})
        log.error(
            "the offsets of the group are gone, and our topics say that this is no first start: "
            "reading from the oldest records, and not from the latest as configured",
            topic=self._tp.topic,
        )
        # Mark every topic of the group: otherwise the next one would see these marks, think
        # that the group has its offsets, and skip to its end.
        everything = {self._tp, *partitions, *self._offsets.all_partitions()}
        return await self._mark({tp: await self._offsets.oldest(tp) for tp in everything})

    async def _mark(self, offsets: Mapping[TopicPartition, int]) -> StartingPoint:
        """Commit where the very first start begins; nothing was sent yet, so it is clean.

        Without this, a crash before the first commit would make the next start the first one again,
        and `latest` would skip the records in between.
        """
        await self._offsets.commit(
            {tp: Committed(offset, metadata(clean=True)) for tp, offset in offsets.items()}
        )
        return StartingPoint(offsets[self._tp], is_clean=True)

    async def _starting_point(self, committed: Committed) -> StartingPoint:
        """Return what a commit says; without metadata any audience may be paused."""
        said = read_metadata(committed.metadata)
        if said is None:
            oldest = min(committed.offset, await self._offsets.oldest(self._tp))
            return StartingPoint(committed.offset, is_clean=False, others_paused=oldest)
        offset = max(committed.offset, said.done_to or 0)
        return StartingPoint(offset, said.is_clean, said.paused, said.others_paused)

    async def _is_there(self, offset: int, is_readable: Callable[[int], Awaitable[bool]]) -> bool:
        """Whether the partition can still be read from this offset.

        Between the oldest offset and the end that a broker names it can. Behind that end only a
        fetch shows it, because the embedded broker names an end that is too low.
        """
        if offset < await self._offsets.oldest(self._tp):
            return False
        return offset <= await self._offsets.end(self._tp) or await is_readable(offset)


def metadata(
    *, clean: bool, paused: Mapping[str, int] = NONE_PAUSED, done_to: int | None = None
) -> str:
    """Return the metadata of a commit.

    `clean`: each sent request has its answer. `paused`: the first offset of each paused audience.
    If that is too long for brokers, `paused_since` has the lowest offset, for all audiences.
    `done_to`: the work goes on here, if the next owner also reads `paused`.
    The pauses are in the commit, so that they change together with the offset, and a former owner
    cannot change them.
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
    """The metadata of a commit."""

    is_clean: bool
    paused: Mapping[str, int]
    others_paused: int | None
    done_to: int | None = None


def read_metadata(text: str) -> Said | None:
    """Decode metadata; None if we did not write it. Unknown keys of a later version are ignored."""
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
