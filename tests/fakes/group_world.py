"""A group's coordinator in memory, and processes of the group that freeze at any moment."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.domain.message import StageName
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.coordinator import Committed, Generation
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.group_consumer import GroupOptions
from pipeline.stages.contract import Unit
from pipeline.stages.ports import Lease, Record
from tests.fakes.telemetry import RecordingTelemetry

LANE = TopicPartition("lane", 0)
SESSION, HEARTBEAT, DRAIN = 10.0, 1.0, 2.0


@dataclass(slots=True)
class Broker:
    """The coordinator of one group with one partition, as Apache Kafka does it.

    It takes commits of the current generation while a rebalance is being prepared, waits as long
    as `rebalance_timeout` for members that heartbeat and do not join, and throws out whoever was
    not heard of for a session.
    """

    random: Random
    rebalance_timeout: float
    on_given: Callable[[str], None]
    generation: int = 0
    owner: str | None = None
    heard: dict[str, float] = field(default_factory=dict)
    joining: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    prepared_since: float | None = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            for member in [one for one, at in self.heard.items() if _now() - at > SESSION]:
                self.leave(member)
            self._maybe_complete()

    def leave(self, member: str) -> None:
        """As one that was thrown out, or that said goodbye."""
        self.heard.pop(member, None)
        self.joining.pop(member, None)
        self._prepare()

    def join(self, member: str) -> asyncio.Future[int]:
        self.heard[member] = _now()
        self.joining[member] = asyncio.get_running_loop().create_future()
        self._prepare()
        return self.joining[member]

    def heartbeat(self, member: str, generation: int) -> None:
        self._known(member, generation)
        if self.prepared_since is not None:
            raise kafka_errors.RebalanceInProgressError

    def commit(self, member: str, generation: int) -> None:
        self._known(member, generation)

    def _known(self, member: str, generation: int) -> None:
        if member not in self.heard:
            raise kafka_errors.UnknownMemberIdError
        if generation != self.generation:
            raise kafka_errors.IllegalGenerationError
        self.heard[member] = _now()

    def _prepare(self) -> None:
        if self.prepared_since is None:
            self.prepared_since = _now()

    def _maybe_complete(self) -> None:
        if self.prepared_since is None or not self.joining:
            return
        is_late = _now() - self.prepared_since > self.rebalance_timeout
        if self.joining.keys() != self.heard.keys() and not is_late:
            return
        self.generation += 1
        self.prepared_since = None
        joined, self.joining = self.joining, {}
        self.heard = {member: _now() for member in joined}
        self.owner = self.random.choice(sorted(joined))
        self.on_given(self.owner)
        for future in joined.values():
            future.set_result(self.generation)


class EmptyBuffers:
    """What a lease asks of the client: nothing is ever fetched."""

    def arrival(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def waiting(self) -> Sequence[TopicPartition]:
        return ()

    def take(self, tp: TopicPartition, most: int, *, singly: bool = False) -> Sequence[Record]:
        return ()

    def position(self, tp: TopicPartition) -> int | None:
        return None

    def size(self, tp: TopicPartition) -> int:
        return 0

    def seek(self, tp: TopicPartition, offset: int) -> None:
        return None

    def pause(self, tp: TopicPartition) -> None:
        return None

    def resume(self, tp: TopicPartition) -> None:
        return None

    def end(self, tp: TopicPartition) -> int | None:
        return None

    def answered_ms(self, tp: TopicPartition) -> int | None:
        return None


@dataclass(eq=False)
class IdleWorker:
    lease: Lease

    async def run(self) -> None:
        self.lease.settle(0)
        await asyncio.Event().wait()

    async def drain(self) -> None:
        return None


@dataclass(frozen=True)
class IdleStage:
    name: StageName = "upload"
    unit: Unit = "topic"
    topics: Sequence[str] = ("lane",)

    def worker(self, lease: Lease) -> IdleWorker:
        return IdleWorker(lease)


@dataclass(slots=True)
class Process:
    """A member: the real group, and the parts of the client that talk to the coordinator.

    While it is frozen nothing of it goes out or is worked on; its clock goes on.
    """

    name: str
    broker: Broker
    random: Random
    longest_travel: float
    group: ConsumerGroup = field(init=False)
    generation: int = -1
    _may_run: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._may_run.set()
        options = GroupOptions(
            group="g",
            startup_timeout=10.0,
            session_timeout=SESSION,
            heartbeat_interval=HEARTBEAT,
            rebalance_timeout=self.broker.rebalance_timeout,
            drain=DRAIN,
            grace=DRAIN,
            instance_id=None,
            commits=True,
            read_committed=True,
            starts={},
        )
        connection = ClientOptions(bootstrap_servers="nowhere", client_id=self.name)
        self.group = ConsumerGroup(
            IdleStage(),
            connection,
            options,
            RecordingTelemetry(),
            asyncio.get_running_loop().time,
        )
        self.group._buffers = EmptyBuffers()
        self.group._offsets = None  # type: ignore[assignment]
        self.group._coordinator = ModelCoordinator(self)  # type: ignore[assignment]

    @property
    def owns(self) -> bool:
        """What it would say now, if it were asked."""
        lease = self.group.leases.get(LANE)
        return lease is not None and lease.is_held

    async def freeze(self, seconds: float) -> None:
        self._may_run.clear()
        await asyncio.sleep(seconds)
        self._may_run.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self.group._tasks = tasks
            tasks.create_task(self._commit())
            tasks.create_task(self._coordinate())

    async def said(self, ask: Callable[[], None]) -> None:
        """One question to the broker: what it costs on the way, and what it answers."""
        await self._may_run.wait()
        await self._travel()
        error: kafka_errors.KafkaError | None = None
        try:
            ask()
        except kafka_errors.KafkaError as raised:
            error = raised
        await self._travel()
        await self._may_run.wait()
        if error is not None:
            raise error

    async def _commit(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            await self._may_run.wait()
            if self.group.is_joined:
                await self.group._commit(final=False)

    async def _coordinate(self) -> None:
        while True:
            await self._join()
            with_us = True
            while with_us:
                await asyncio.sleep(HEARTBEAT)
                try:
                    await self.said(lambda: self.broker.heartbeat(self.name, self.generation))
                except kafka_errors.KafkaError:
                    with_us = False
                lapsed = [one for one in self.group._assignments if one.proof.has_lapsed]
                with_us = with_us and not lapsed

    async def _join(self) -> None:
        await self._may_run.wait()
        await self.group.on_partitions_revoked(set())
        await self._may_run.wait()
        await self._travel()
        generation = await self.broker.join(self.name)
        owner = self.broker.owner
        await self._travel()
        await self._may_run.wait()
        self.generation = generation
        await self.group.on_partitions_assigned({LANE} if owner == self.name else set())

    async def _travel(self) -> None:
        await asyncio.sleep(self.random.uniform(0.0, self.longest_travel))


@dataclass(slots=True)
class ModelCoordinator:
    """The calls of `adapters.kafka.coordinator.Coordinator`, to the broker in memory."""

    process: Process

    def generation(self) -> Generation:
        return Generation(self.process.generation, self.process.name)

    async def commit(
        self, generation: Generation, offsets: Mapping[TopicPartition, Committed]
    ) -> Mapping[TopicPartition, type[Exception]]:
        broker = self.process.broker
        await self.process.said(lambda: broker.commit(generation.member_id, generation.number))
        return {}

    async def is_stable(self, generation: Generation) -> bool:
        broker = self.process.broker
        try:
            await self.process.said(
                lambda: broker.heartbeat(generation.member_id, generation.number)
            )
        except kafka_errors.RebalanceInProgressError:
            return False
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
