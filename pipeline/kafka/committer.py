"""Commits settled offsets, which also proves that we still own the partitions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.message import StageName
from pipeline.kafka.assignment import Assignment, Assignments
from pipeline.kafka.coordinator import Committed, Coordinator, Generation
from pipeline.kafka.group_consumer import GroupOptions
from pipeline.telemetry.facts import KafkaTelemetry

EVERYTHING_SECONDS = 3600.0
"""Commit all offsets this often: brokers before 2.1 forget an offset after a while."""

LAG_SECONDS = 5.0

log = structlog.get_logger(__name__)

Mark = tuple[int | None, Mapping[str, int]]


class Committer:
    """The commits of one group.

    Only changed offsets are committed: a thousand idle lanes would otherwise use a whole processor.
    If nothing has changed, one partition is committed, because any accepted commit proves the
    generation.
    """

    def __init__(
        self,
        *,
        stage: StageName,
        assignments: Assignments,
        options: GroupOptions,
        telemetry: KafkaTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self._stage: StageName = stage
        self._assignments = assignments
        self._options = options
        self._telemetry = telemetry
        self._clock = clock
        self._turn = asyncio.Lock()
        self._stored: dict[TopicPartition, Mark] = {}
        """The last commit of each partition in this assignment."""
        self._everything_at = clock()
        self._shown: dict[TopicPartition, int] = {}
        self._shown_at = clock() - LAG_SECONDS

    def forget(self) -> None:
        """Forget all commits: in a new assignment each partition is committed once to prove it."""
        self._stored.clear()
        self._shown.clear()

    async def commit(
        self, coordinator: Coordinator, generation: Callable[[], Generation], *, final: bool
    ) -> bool:
        """Commit once for all partitions; if the group is stable afterwards, this proves ownership.

        The proof counts from the time when the commit was sent. A group that prepares a rebalance
        also accepts commits, but may give the partitions away before such a proof runs out.
        Returns whether all partitions were committed.
        """
        async with self._turn:
            if not self._options.commits:
                return True
            begun, marks = self._begun()
            if not begun:
                return True
            due = marks if final else self._due(marks)
            leases = self._assignments.leases
            offsets = {tp: leases[tp].committable(final=final) for tp in due}
            sent_at, now = self._clock(), generation()
            failed = await self._try(
                coordinator,
                now,
                {tp: offset for tp, offset in offsets.items() if offset is not None},
            )
            if failed is None:
                return False
            self._note(due, failed)
            if final or not await self._is_stable(coordinator, now):
                return not failed
            self._prove(begun, sent_at)
            return not failed

    def show_lag(self) -> None:
        """Report the lag of each partition whose lag has changed, every few seconds."""
        if self._clock() - self._shown_at < LAG_SECONDS:
            return
        self._shown_at = self._clock()
        for tp, lease in self._assignments.leases.items():
            lag = lease.lag()
            if lag is not None and self._shown.get(tp) != lag:
                self._shown[tp] = lag
                self._telemetry.consumer_lag(topic=tp.topic, partition=tp.partition, records=lag)

    def _note(
        self, marks: Mapping[TopicPartition, Mark], failed: Mapping[TopicPartition, object]
    ) -> None:
        for tp, mark in marks.items():
            if tp in failed:
                self._stored.pop(tp, None)
            else:
                self._stored[tp] = mark

    def _begun(self) -> tuple[Sequence[Assignment], Mapping[TopicPartition, Mark]]:
        """Return the units whose work has begun, and the mark of each of their partitions."""
        begun: list[Assignment] = []
        marks: dict[TopicPartition, Mark] = {}
        for assignment in self._assignments:
            if assignment.proof.has_lapsed:
                continue
            found = {lease.tp: lease.mark for lease in assignment.leases if lease.has_begun}
            if found:
                begun.append(assignment)
                marks |= found
        return begun, marks

    def _due(self, marks: Mapping[TopicPartition, Mark]) -> Mapping[TopicPartition, Mark]:
        if self._clock() - self._everything_at >= EVERYTHING_SECONDS:
            self._everything_at = self._clock()
            return marks
        due = {tp: mark for tp, mark in marks.items() if self._stored.get(tp) != mark}
        return due or dict([next(iter(marks.items()))])

    def _prove(self, begun: Sequence[Assignment], sent_at: float) -> None:
        """Prove the units of which all partitions were committed since they were assigned."""
        until = sent_at + self._options.session_timeout - 2 * self._options.heartbeat_interval
        for assignment in begun:
            if all(lease.tp in self._stored for lease in assignment.leases if lease.has_begun):
                assignment.proof.prove(until)

    async def _is_stable(self, coordinator: Coordinator, generation: Generation) -> bool:
        try:
            async with asyncio.timeout(self._options.session_timeout / 4):
                return await coordinator.is_stable(generation)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            log.warning("no word from the group", stage=self._stage, reason=type(error).__name__)
            return False

    async def _try(
        self,
        coordinator: Coordinator,
        generation: Generation,
        offsets: Mapping[TopicPartition, Committed],
    ) -> Mapping[TopicPartition, type[Exception]] | None:
        try:
            async with asyncio.timeout(self._options.session_timeout / 4):
                failed = await coordinator.commit(generation, offsets)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            self._failed(type(error).__name__)
            return None
        for reason in {failure.__name__ for failure in failed.values()}:
            self._failed(reason)
        return failed

    def _failed(self, reason: str) -> None:
        self._telemetry.commit_failed(stage=self._stage)
        log.warning("commit failed", stage=self._stage, reason=reason)
