"""What many lanes cost: processes of one group on Apache Kafka, idle, lightly loaded, and joined.

`python -m benchmarks.lanes` starts a broker of its own, and needs Java. For each number of lanes it
says how long a process takes to own them all, its share of a processor with nothing to do, the same
with a hundred records a second in five lanes, and how many lanes each of two processes keeps when a
third one joins.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.process_cost import ProcessCost
from pipeline.domain.message import StageName
from pipeline.kafka.client_options import ClientOptions
from pipeline.kafka.group import ConsumerGroup
from pipeline.kafka.group_consumer import GroupOptions
from pipeline.kafka.topic_plans import lane_topic
from pipeline.kafka.topics import Topics
from pipeline.stages.contract import Unit
from pipeline.stages.ports import Lease
from pipeline.telemetry.first_values import KnownLabels
from pipeline.telemetry.prometheus import prometheus_telemetry
from tests.servers.apache_kafka import ApacheKafka

MEASURED_SECONDS = 30.0
BUSY_LANES = 5
RECORDS_A_SECOND = 100
VALUE = b"x" * 500


@dataclass(slots=True)
class SettlingWorker:
    """Reads a lane and settles at once."""

    lease: Lease

    async def run(self) -> None:
        start = await self.lease.begin()
        self.lease.settle(start.offset, clean=True)
        while True:
            records = await self.lease.fetch(1000)
            if records:
                self.lease.settle(records[-1].offset + 1, clean=True)

    async def drain(self) -> None:
        return None


@dataclass(slots=True)
class SettlingStage:
    """Lanes, and nothing behind them."""

    topics: Sequence[str]
    name: StageName = "upload"
    unit: Unit = "topic"
    workers: list[SettlingWorker] = field(default_factory=list)

    def worker(self, lease: Lease) -> SettlingWorker:
        self.workers.append(SettlingWorker(lease))
        return self.workers[-1]


def lanes_of(namespace: str, count: int) -> list[str]:
    return [f"{namespace}.records.amazon-na.connection-{number:04}" for number in range(count)]


async def serve(address: str, namespace: str, count: int) -> None:
    """One process: says what it owns whenever that changes."""
    stage = SettlingStage(lanes_of(namespace, count))
    options = GroupOptions(
        group=f"{namespace}.upload",
        startup_timeout=30.0,
        session_timeout=10.0,
        heartbeat_interval=1.0,
        rebalance_timeout=15.0,
        drain=2.0,
        grace=2.0,
        instance_id=None,
        commits=True,
        read_committed=True,
        starts={},
    )
    connection = ClientOptions(bootstrap_servers=address, client_id="bench")
    telemetry = prometheus_telemetry(KnownLabels()).kafka
    group = ConsumerGroup(stage, connection, options, telemetry, time.monotonic)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        reporting = tasks.create_task(_report(group, stage))
        await group.run(stop)
        reporting.cancel()


async def _report(group: ConsumerGroup, stage: SettlingStage) -> None:
    said: object = None
    while True:
        owned = [tp.topic for tp, lease in group.leases.items() if lease.is_held]
        now = [len(owned), len(stage.workers)]
        if now != said:
            said = now
            sys.stdout.write(json.dumps({"owns": owned, "begun": len(stage.workers)}) + "\n")
            sys.stdout.flush()
        await asyncio.sleep(1.0)


@dataclass(slots=True)
class Process:
    """One serving process, seen from outside."""

    process: asyncio.subprocess.Process
    owns: frozenset[str] = frozenset()
    begun: int = 0

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                said = json.loads(line)
                self.owns, self.begun = frozenset(said["owns"]), said["begun"]

    @property
    def cost(self) -> ProcessCost:
        return ProcessCost(self.process.pid)


@asynccontextmanager
async def serving(address: str, namespace: str, count: int) -> AsyncIterator[Process]:
    """A process until the block ends."""
    command = [sys.executable, "-m", "benchmarks.lanes", "--serve", address, namespace, str(count)]
    made = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    process = Process(made)
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(process.listen())
        try:
            yield process
        finally:
            made.send_signal(signal.SIGTERM)
            await made.wait()
            listening.cancel()


async def until(fact: object, seconds: float = 180.0) -> float:
    """Seconds until it is so."""
    assert callable(fact)
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110 - what another process says has no event here
            await asyncio.sleep(0.1)
    return time.monotonic() - began


async def share(process: Process, seconds: float) -> float:
    """The share of a processor that it takes."""
    before, began = process.cost.cpu_seconds(), time.monotonic()
    await asyncio.sleep(seconds)
    return (process.cost.cpu_seconds() - before) / (time.monotonic() - began)


async def trickle(address: str, topics: Sequence[str]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    number = 0
    try:
        while True:
            await producer.send(topics[number % len(topics)], VALUE, partition=0)
            number += 1
            await asyncio.sleep(1 / RECORDS_A_SECOND)
    finally:
        await producer.stop()


async def measure(address: str, count: int, *, joins: bool) -> Mapping[str, object]:
    """All figures of so many lanes."""
    namespace = f"bench{count}-{int(time.time())}"
    topics = lanes_of(namespace, count)
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    began = time.monotonic()
    await Topics(admin, 1).create([lane_topic(topic) for topic in topics])
    created = time.monotonic() - began
    await admin.close()
    found: dict[str, object] = {"lanes": count, "seconds to create": round(created, 1)}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(serving(address, namespace, count))
        found["seconds to own all"] = round(await until(lambda: len(one.owns) == count), 1)
        found["CPU seconds of the start"] = round(one.cost.cpu_seconds(), 1)
        await asyncio.sleep(3)
        found["cores idle"] = round(await share(one, MEASURED_SECONDS), 4)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(trickle(address, topics[:BUSY_LANES]))
            await asyncio.sleep(3)
            found["cores at 100 records/s"] = round(await share(one, MEASURED_SECONDS), 4)
            writing.cancel()
        found["resident MB"] = round(one.cost.resident_mb())
        if joins:
            found |= await _joined(stack, one, address, namespace, count)
    return found


async def _joined(
    stack: AsyncExitStack, one: Process, address: str, namespace: str, count: int
) -> Mapping[str, object]:
    two = await stack.enter_async_context(serving(address, namespace, count))
    await until(lambda: len(one.owns) + len(two.owns) == count and two.owns)
    before = [one.owns, two.owns]
    three = await stack.enter_async_context(serving(address, namespace, count))
    took = await until(
        lambda: len(one.owns) + len(two.owns) + len(three.owns) == count and three.owns
    )
    kept = [len(one.owns & before[0]), len(two.owns & before[1])]
    return {
        "of": [len(owned) for owned in before],
        "kept when a third joins": kept,
        "seconds until all are owned again": round(took, 1),
    }


async def main(counts: Sequence[int]) -> None:
    with ApacheKafka() as kafka:
        for count in counts:
            found = await measure(kafka.bootstrap_servers, count, joins=count >= 100)
            for name, value in found.items():
                print(f"{name}: {value}")
            print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=3, metavar=("ADDRESS", "NAMESPACE", "LANES"))
    parser.add_argument("lanes", nargs="*", type=int, default=[20, 1000])
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve[0], given.serve[1], int(given.serve[2])))
    else:
        asyncio.run(main(given.lanes))
