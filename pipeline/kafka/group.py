"""A member of a consumer group: takes units over, proves ownership, gives units up in order."""

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka import closing
from pipeline.kafka.assignment import (
    Assignment,
    Assignments,
    Owned,
    may_serve,
    run_after,
    units,
)
from pipeline.kafka.buffers import Buffers
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.cluster import started, unless
from pipeline.kafka.committer import Committer
from pipeline.kafka.coordinator import Coordinator, Generation
from pipeline.kafka.fetch_loop import FetchLoop
from pipeline.kafka.fetch_plan import plan_fetches
from pipeline.kafka.fetch_trouble import FetchTrouble
from pipeline.kafka.first_start import were_written
from pipeline.kafka.group_consumer import GroupOptions, make_consumer, refused
from pipeline.kafka.group_offsets import GroupOffsets
from pipeline.kafka.internals import ClientBuffers, raise_fetcher_error
from pipeline.kafka.lease import KafkaLease
from pipeline.kafka.offset_resolver import START, OffsetResolver
from pipeline.kafka.ownership_proof import OwnershipProof
from pipeline.stages.contract import Stage
from pipeline.stages.ports import Worker
from pipeline.stages.waiting import until
from pipeline.telemetry.facts import KafkaTelemetry

log = structlog.get_logger(__name__)


class ConsumerGroup(ConsumerRebalanceListener):  # type: ignore[misc]
    """The member of one stage in its group.

    On revoke it stops admission, waits a short while for requests in flight, commits once, and
    leaves the workers as they are. If the next generation gives a unit back, its worker goes on;
    otherwise the worker's task is cancelled.
    """

    def __init__(
        self,
        stage: Stage,
        client_options: ClientOptions,
        options: GroupOptions,
        telemetry: KafkaTelemetry,
        clock: Callable[[], float],
    ) -> None:
        self.stage = stage
        self._client_options = client_options
        self._options = options
        self._telemetry = telemetry
        self._clock = clock
        self._assignments = Assignments()
        self._committer = Committer(
            stage=stage.name,
            assignments=self._assignments,
            options=options,
            telemetry=telemetry,
            clock=clock,
        )
        self._known_topics: set[str] = set()
        self._generation = Generation(-1, "")
        self._settled_generation: int | None = None
        self._kicked = asyncio.Event()
        self._failed: asyncio.Future[None] | None = None
        self._is_stopping = False
        self._has_lapsed = False
        self.is_joined = False

    @property
    def workers(self) -> Mapping[TopicPartition, Worker]:
        """The workers, by the first partition of their unit."""
        return self._assignments.workers

    @property
    def leases(self) -> Mapping[TopicPartition, KafkaLease]:
        return self._assignments.leases

    async def run(self, stop: asyncio.Event) -> bool:
        """Work until `stop`; return whether everything in flight has ended.

        Raises:
            ClusterTrouble: the cluster cannot be reached, or the group does not admit us.
        """
        consumer = await unless(stop, self._started())
        if consumer is None:
            return True
        try:
            self._attach(consumer)
            return await self._work(consumer, stop)
        except* kafka_errors.InconsistentGroupProtocolError as errors:
            raise refused(self.stage, self._options.group) from errors
        finally:
            await closing.stop(consumer)

    async def _started(self) -> AIOKafkaConsumer:
        return await started(
            lambda: make_consumer(self._client_options, self._options, self.stage.unit),
            closing.stop,
            self._client_options,
            self._options.startup_timeout,
        )

    def _attach(self, consumer: AIOKafkaConsumer) -> None:
        plan = plan_fetches(consumer, self._refused)
        self._buffers: Buffers = ClientBuffers(consumer, plan.look_at)
        self._consumer = consumer
        self._coordinator = Coordinator(consumer, self._options.group)
        self._offsets = GroupOffsets(
            consumer,
            self._coordinator,
            topics=self.stage.topics,
            generation=lambda: self._generation,
            has_worked=self._has_worked,
        )

    async def _work(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> bool:
        name = self.stage.name
        self._failed = asyncio.get_running_loop().create_future()
        loop = FetchLoop(self._buffers, lambda: self.leases, at_most=self._options.buffer_bytes)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            consumer.subscribe(list(self.stage.topics), listener=self)
            helpers = [
                tasks.create_task(self._commit_always(), name=f"commit {name}"),
                tasks.create_task(loop.run(), name=f"fetch {name}"),
            ]
            waiter = tasks.create_task(stop.wait(), name=f"stop {name}")
            ends: list[asyncio.Future[Any]] = [waiter, self._failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            self._is_stopping = True
            is_drained = await self._leave(self._options.grace)
            for helper in helpers:
                helper.cancel()
            for assignment in self._assignments:
                assignment.task.cancel()
        return is_drained

    def _refused(self, tp: TopicPartition, error: type[Exception]) -> None:
        lease = self.leases.get(tp)
        if lease is not None and not issubclass(error, kafka_errors.OffsetOutOfRangeError):
            lease.refused(error)

    async def _has_worked(self) -> bool:
        return await were_written(self._client_options, self._options.written)

    # The library calls these while the group rebalances. It only logs what they raise.

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
        """Stop admission, wait for requests in flight, and commit a last time."""
        self.is_joined = False
        for assignment in self._assignments:
            assignment.revoke()
        is_drained = await self._drain(patience)
        is_committed = await self._commit(final=True)
        self._settled_generation = self._generation.number if is_committed else None
        return is_drained and is_committed

    async def _drain(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                for assignment in self._assignments:
                    await assignment.worker.drain()
        except TimeoutError:
            log.warning("requests are still in flight", stage=self.stage.name, after=patience)
            return False
        return True

    def _take(self, assigned: AbstractSet[TopicPartition]) -> None:
        self._generation = self._coordinator.generation()
        self._committer.forget()
        ours = {one for one in units(assigned, self.stage.unit) if may_serve(one, self.stage.unit)}
        # Between two consecutive generations with us nobody else can have had a unit.
        is_next = self._settled_generation == self._generation.number - 1
        gone: dict[TopicPartition, asyncio.Task[None]] = {}
        for owned, assignment in list(self._assignments.units.items()):
            if owned in ours and is_next and not assignment.proof.has_lapsed:
                assignment.renew()
            else:
                gone |= self._give_up(owned)
        for owned in sorted(ours - self._assignments.units.keys()):
            self._assignments.add(owned, self._move_in(owned, gone))
        count = len(self._assignments.leases)
        self._telemetry.partitions_assigned(stage=self.stage.name, count=count)
        log.info(
            "partitions assigned",
            stage=self.stage.name,
            partitions=count,
            generation=self._generation.number,
            given_up=len(gone),
        )
        self.is_joined = True
        self._kicked.set()

    def _give_up(self, owned: Owned) -> Mapping[TopicPartition, asyncio.Task[None]]:
        assignment = self._assignments.remove(owned)
        assignment.task.cancel()
        for lease in assignment.leases:
            self._telemetry.partition_released(topic=lease.topic, partition=lease.partition)
        return {lease.tp: assignment.task for lease in assignment.leases}

    def _move_in(
        self, owned: Owned, gone: Mapping[TopicPartition, asyncio.Task[None]]
    ) -> Assignment:
        proof = OwnershipProof(self._clock)
        tps = [TopicPartition(owned.topic, number) for number in owned.partitions]
        leases = [self._lease(tp, proof) for tp in tps]
        worker = self.stage.worker(leases[0])
        former = {gone[tp] for tp in tps if tp in gone}
        name = f"{self.stage.name} {owned.topic}{list(owned.partitions)}"
        task = self._tasks.create_task(run_after(former, worker), name=name)
        return Assignment(proof, leases, worker, task)

    def _lease(self, tp: TopicPartition, proof: OwnershipProof) -> KafkaLease:
        resolver = OffsetResolver(
            self._offsets, tp, start=self._start(tp.topic), telemetry=self._telemetry
        )
        return KafkaLease(
            self._buffers,
            tp,
            resolver,
            proof,
            FetchTrouble(tp, self._telemetry, self._clock),
            begun=lambda: self._begun(tp.topic),
            idle_seconds=self._options.idle_seconds,
        )

    def _begun(self, topic: str) -> None:
        self._known_topics.add(topic)
        self._kicked.set()

    def _start(self, topic: str) -> START:
        """Return where a first start begins. A topic that was made anew under us is read whole."""
        if topic in self._known_topics:
            return "earliest"
        return self._options.starts.get(topic, "earliest")

    # Committing

    async def _commit_always(self) -> None:
        while True:
            self._kicked.clear()
            await until(self._kicked, self._options.heartbeat_interval)
            self._coordinator.check()
            raise_fetcher_error(self._consumer)
            if not self.is_joined:
                continue
            self._rejoin_if_lapsed()
            await self._commit(final=False)
            self._committer.show_lag()

    def _rejoin_if_lapsed(self) -> None:
        lapsed = any(assignment.proof.has_lapsed for assignment in self._assignments)
        if lapsed:
            # Ask each time: while the broker is away, a request is lost.
            self._coordinator.rejoin()
        if lapsed and not self._has_lapsed:
            log.warning("proof of ownership ran out: rejoining", stage=self.stage.name)
        self._has_lapsed = lapsed

    async def _commit(self, *, final: bool) -> bool:
        return await self._committer.commit(
            self._coordinator, lambda: self._generation, final=final
        )
