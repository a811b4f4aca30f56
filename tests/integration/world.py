"""A stage of its own for tests of the Kafka adapter: workers that read and settle."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from aiokafka import TopicPartition

from pipeline.domain.message import StageName
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.group_consumer import GroupOptions
from pipeline.kafka.message_writer import KafkaMessageWriter
from pipeline.kafka.producer import SharedProducer, make_producer
from pipeline.stages.contract import Unit
from pipeline.stages.ports import Lease, StartingPoint
from tests.conftest import Cluster
from tests.fakes.telemetry import RecordingTelemetry
from tests.servers.kafka_clients import producing

SESSION = 6.0
"""The least that brokers allow by default."""
HEARTBEAT = 0.5
PATIENCE = 40.0


def connection(cluster: Cluster) -> ClientOptions:
    return ClientOptions(bootstrap_servers=cluster.bootstrap_servers, client_id="test")


@dataclass(eq=False)
class ReadingWorker:
    """Reads its partition, takes note of every offset, and settles it at once."""

    lease: Lease
    start: StartingPoint | None = None
    read: list[int] = field(default_factory=list)
    owned_when_asked_to_be_quiet: list[bool] = field(default_factory=list)
    was_cancelled: bool = False
    is_slow: bool = False
    """Never quiet, as with a request that gets no answer."""
    says_clean: bool = True

    async def run(self) -> None:
        try:
            self.start = await self.lease.begin()
            self.lease.settle(self.start.offset, clean=self.says_clean)
            while True:
                for record in await self.lease.fetch(7):
                    self.read.append(record.offset)
                    self.lease.settle(record.offset + 1, clean=self.says_clean)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    async def drain(self) -> None:
        self.owned_when_asked_to_be_quiet.append(self.lease.is_held)
        if self.is_slow:
            await asyncio.Event().wait()


@dataclass(eq=False)
class ReadingStage:
    """Puts a reading worker into every partition and remembers them all, those that left, too."""

    topics: Sequence[str]
    name: StageName = "ingest"
    unit: Unit = "partition"
    slow: bool = False
    clean: bool = True
    workers: list[ReadingWorker] = field(default_factory=list)

    def worker(self, lease: Lease) -> ReadingWorker:
        worker = ReadingWorker(lease, is_slow=self.slow, says_clean=self.clean)
        self.workers.append(worker)
        return worker

    def read(self) -> Mapping[TopicPartition, Sequence[int]]:
        """Every offset that was handed out, in order, of all workers a partition had."""
        found: dict[TopicPartition, list[int]] = {}
        for worker in self.workers:
            tp = TopicPartition(worker.lease.topic, worker.lease.partition)
            found.setdefault(tp, []).extend(worker.read)
        return found

    def records(self) -> int:
        return sum(len(offsets) for offsets in self.read().values())


@dataclass(eq=False)
class Member:
    """One process's part in a group."""

    stage: ReadingStage
    group: ConsumerGroup
    telemetry: RecordingTelemetry
    task: asyncio.Task[bool]
    asked_to_stop: asyncio.Event

    async def stop(self) -> bool:
        """As with SIGTERM: whether everything in flight came to its end."""
        self.asked_to_stop.set()
        return await self.task

    async def kill(self) -> None:
        """Without a last commit, as a process that dies."""
        self.task.cancel()
        await asyncio.wait([self.task])

    def worker(self, tp: TopicPartition) -> ReadingWorker | None:
        found = self.group.workers.get(tp)
        assert found is None or isinstance(found, ReadingWorker)
        return found

    @property
    def owns(self) -> set[TopicPartition]:
        """Partitions whose ownership is proven."""
        return {tp for tp, lease in self.group.leases.items() if lease.is_held}


def group_options(
    group: str,
    *,
    drain: float = 1.0,
    commits: bool = True,
    starts: Mapping[str, str] | None = None,
) -> GroupOptions:
    return GroupOptions(
        group=group,
        startup_timeout=PATIENCE,
        session_timeout=SESSION,
        heartbeat_interval=HEARTBEAT,
        rebalance_timeout=SESSION + drain + 2 * HEARTBEAT,
        drain=drain,
        grace=1.0,
        instance_id=None,
        commits=commits,
        read_committed=False,
        starts={
            topic: "latest" if start == "latest" else "earliest"
            for topic, start in (starts or {}).items()
        },
    )


@asynccontextmanager
async def member(
    cluster: Cluster,
    stage: ReadingStage,
    options: GroupOptions,
    telemetry: RecordingTelemetry | None = None,
) -> AsyncIterator[Member]:
    """A member of a group, until the block ends or it is stopped or killed before."""
    told = telemetry or RecordingTelemetry()
    group = ConsumerGroup(stage, connection(cluster), options, told, time.monotonic)
    async with asyncio.TaskGroup() as tasks:
        stop = asyncio.Event()
        task = tasks.create_task(group.run(stop), name="group")
        yield Member(stage, group, told, task, stop)
        stop.set()


@asynccontextmanager
async def message_writer(
    cluster: Cluster, *, idempotent: bool = True
) -> AsyncIterator[KafkaMessageWriter]:
    """Writes what must not be lost, with a producer that it may replace."""
    make = partial(make_producer, connection(cluster), idempotent=idempotent)
    producers = SharedProducer(make, make())
    await producers.current.start()
    try:
        yield KafkaMessageWriter(producers)
    finally:
        await producers.close()


async def until(fact: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return once something has become true; fail when it does not."""
    async with asyncio.timeout(seconds):
        while not fact():
            await asyncio.sleep(0.02)


async def fill(cluster: Cluster, topic: str, count: int, partition: int = 0) -> None:
    """Write so many small records."""
    async with producing(cluster) as producer:
        for number in range(count):
            await producer.send(topic, b"%d" % number, partition=partition)
        await producer.flush()
