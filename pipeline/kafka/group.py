"""A consumer group: takes partitions over, proves that they are ours, gives them up in order."""

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka import closing
from pipeline.kafka.assignment import Assignment, run_after
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import started
from pipeline.kafka.coordinator import Committed, Coordinator, Generation
from pipeline.kafka.group_consumer import GroupOptions, make_consumer
from pipeline.kafka.lease import KafkaLease
from pipeline.kafka.offset_resolver import START, OffsetResolver
from pipeline.stages.contract import Stage
from pipeline.stages.ports import Worker
from pipeline.stages.waiting import until
from pipeline.telemetry.facts import Telemetry

log = structlog.get_logger(__name__)


class ConsumerGroup(ConsumerRebalanceListener):  # type: ignore[misc]
    """One stage's generation in its group.

    On revoke, in this order: no admission any more, let requests in flight finish for a short
    while, commit once, and leave everything standing. If the next generation gives a partition
    back, its worker goes on as if nothing had been; otherwise its task is cancelled.
    """

    def __init__(
        self,
        stage: Stage,
        client_options: ClientOptions,
        options: GroupOptions,
        telemetry: Telemetry,
        clock: Callable[[], float],
    ) -> None:
        self.stage = stage
        self._client_options = client_options
        self._options = options
        self._telemetry = telemetry
        self._clock = clock
        self._assignments: dict[TopicPartition, Assignment] = {}
        self._known_topics: set[str] = set()
        self._generation = Generation(-1, "")
        self._settled_generation: int | None = None
        self._commit_turn = asyncio.Lock()
        self._kicked = asyncio.Event()
        self._failed: asyncio.Future[None] | None = None
        self._is_stopping = False
        self._has_lapsed = False
        self.is_joined = False

    @property
    def workers(self) -> Mapping[TopicPartition, Worker]:
        return {tp: assignment.worker for tp, assignment in self._assignments.items()}

    @property
    def leases(self) -> Mapping[TopicPartition, KafkaLease]:
        return {tp: assignment.lease for tp, assignment in self._assignments.items()}

    async def run(self, stop: asyncio.Event) -> bool:
        """Work until `stop`; returns whether everything in flight came to its end."""
        consumer = await started(
            lambda: make_consumer(self._client_options, self._options),
            closing.stop,
            self._client_options,
            self._options.startup_timeout,
        )
        try:
            self._consumer = consumer
            self._coordinator = Coordinator(consumer, self._options.group)
            self._failed = asyncio.get_running_loop().create_future()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                consumer.subscribe(list(self.stage.topics), listener=self)
                committer = tasks.create_task(
                    self._commit_always(), name=f"commit {self.stage.name}"
                )
                waiter = tasks.create_task(stop.wait(), name=f"stop {self.stage.name}")
                ends: list[asyncio.Future[Any]] = [waiter, self._failed]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if self._failed.done():
                    self._failed.result()
                self._is_stopping = True
                is_drained = await self._leave(self._options.grace)
                committer.cancel()
                for assignment in self._assignments.values():
                    assignment.task.cancel()
            return is_drained
        finally:
            await closing.stop(consumer)

    # The library's calls, made while the group rebalances. It only logs what they raise.

    async def on_partitions_revoked(self, _all: AbstractSet[TopicPartition]) -> None:
        try:
            if not self._is_stopping:
                await self._leave(self._options.drain)
        except Exception as error:
            self._fail(error)
            raise

    async def on_partitions_assigned(self, assigned: AbstractSet[TopicPartition]) -> None:
        try:
            if not self._is_stopping:
                self._take(assigned)
        except Exception as error:
            self._fail(error)
            raise

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    # Giving up and taking over

    async def _leave(self, patience: float) -> bool:
        """Stop admitting, wait for what is in flight, and commit a last time."""
        self.is_joined = False
        for assignment in self._assignments.values():
            assignment.lease.revoke()
        is_drained = await self._drain(patience)
        is_committed = await self._commit(final=True)
        self._settled_generation = self._generation.number if is_committed else None
        return is_drained and is_committed

    async def _drain(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                for assignment in self._assignments.values():
                    await assignment.worker.drain()
        except TimeoutError:
            log.warning("requests are still in flight", stage=self.stage.name, after=patience)
            return False
        return True

    def _take(self, assigned: AbstractSet[TopicPartition]) -> None:
        self._generation = self._coordinator.generation()
        assigned = {tp for tp in assigned if self._may_serve(tp)}
        # Nobody else can have had a partition between two generations that we were part of.
        is_next = self._settled_generation == self._generation.number - 1
        gone: dict[TopicPartition, asyncio.Task[None]] = {}
        for tp, assignment in list(self._assignments.items()):
            if tp in assigned and is_next and not assignment.lease.has_lapsed:
                assignment.lease.renew()
            else:
                assignment.task.cancel()
                gone[tp] = assignment.task
                del self._assignments[tp]
                self._telemetry.partition_released(topic=tp.topic, partition=tp.partition)
        for tp in sorted(assigned - self._assignments.keys()):
            self._assignments[tp] = self._move_in(tp, gone.get(tp))
        self._telemetry.partitions_assigned(stage=self.stage.name, count=len(assigned))
        log.info(
            "partitions assigned",
            stage=self.stage.name,
            partitions=len(assigned),
            generation=self._generation.number,
            given_up=len(gone),
        )
        self.is_joined = True
        self._kicked.set()

    def _may_serve(self, tp: TopicPartition) -> bool:
        """A lane has one owner, or its cap and its order would be kept once for each of them."""
        count = len(self._consumer.partitions_for_topic(tp.topic) or ())
        if self.stage.name != "upload" or (tp.partition == 0 and count <= 1):
            return True
        if tp.partition == 0:
            log.error("lane not served: it must have one partition", topic=tp.topic, has=count)
        return False

    def _move_in(self, tp: TopicPartition, former: asyncio.Task[None] | None) -> Assignment:
        resolver = OffsetResolver(
            self._consumer,
            self._coordinator,
            tp,
            generation=lambda: self._generation,
            start=self._start(tp.topic),
            telemetry=self._telemetry,
        )
        lease = KafkaLease(
            self._consumer, tp, resolver, clock=self._clock, begun=lambda: self._begun(tp.topic)
        )
        worker = self.stage.worker(lease)
        # Loading is the worker's task and not this callback's: no heartbeats go out during it.
        task = self._tasks.create_task(
            run_after(former, worker), name=f"{self.stage.name} {tp.topic}[{tp.partition}]"
        )
        return Assignment(lease, worker, task)

    def _begun(self, topic: str) -> None:
        self._known_topics.add(topic)
        self._kicked.set()

    def _start(self, topic: str) -> START:
        """A topic made anew while we read it takes its offsets along; all of it is new to us."""
        if topic in self._known_topics:
            return "earliest"
        return self._options.starts.get(topic, "earliest")

    # Committing

    async def _commit_always(self) -> None:
        while True:
            self._kicked.clear()
            await until(self._kicked, self._options.heartbeat_interval)
            self._coordinator.check()
            if not self.is_joined:
                continue
            self._rejoin_if_lapsed()
            await self._commit(final=False)
            self._show_lag()

    def _rejoin_if_lapsed(self) -> None:
        lapsed = any(assignment.lease.has_lapsed for assignment in self._assignments.values())
        if lapsed:
            # Again and again: with the broker away the request before this one is lost.
            self._coordinator.rejoin()
        if lapsed and not self._has_lapsed:
            log.warning("proof of ownership ran out: rejoining", stage=self.stage.name)
        self._has_lapsed = lapsed

    async def _commit(self, *, final: bool) -> bool:
        """One commit for all partitions; with a stable group behind it, it proves ownership.

        The proof counts from when the commit was sent. A group that prepares a rebalance takes
        commits, too, but may give the partitions away before a proof of that age has run out.
        """
        async with self._commit_turn:
            leases = {
                tp: (assignment.lease, committed)
                for tp, assignment in self._assignments.items()
                if not assignment.lease.has_lapsed
                and (committed := assignment.lease.committable(final=final)) is not None
            }
            if not leases or not self._options.commits:
                return True
            sent_at = self._clock()
            failed = await self._try_commit({tp: what for tp, (_, what) in leases.items()})
            if failed is None:
                return False
            if final or not await self._is_stable():
                return not failed
            until = sent_at + self._options.session_timeout - 2 * self._options.heartbeat_interval
            for tp, (lease, _) in leases.items():
                if tp not in failed:
                    lease.prove(until)
            return not failed

    async def _is_stable(self) -> bool:
        try:
            async with asyncio.timeout(self._options.session_timeout / 4):
                return await self._coordinator.is_stable(self._generation)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            log.warning(
                "no word from the group", stage=self.stage.name, reason=type(error).__name__
            )
            return False

    async def _try_commit(
        self, offsets: Mapping[TopicPartition, Committed]
    ) -> Mapping[TopicPartition, type[Exception]] | None:
        try:
            async with asyncio.timeout(self._options.session_timeout / 4):
                failed = await self._coordinator.commit(self._generation, offsets)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            self._commit_failed(type(error).__name__)
            return None
        for reason in {failure.__name__ for failure in failed.values()}:
            self._commit_failed(reason)
        return failed

    def _commit_failed(self, reason: str) -> None:
        self._telemetry.commit_failed(stage=self.stage.name)
        log.warning("commit failed", stage=self.stage.name, reason=reason)

    def _show_lag(self) -> None:
        for tp, assignment in self._assignments.items():
            if (lag := assignment.lease.lag()) is not None:
                self._telemetry.consumer_lag(topic=tp.topic, partition=tp.partition, records=lag)
