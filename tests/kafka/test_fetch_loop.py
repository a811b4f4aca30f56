"""What a worker gets of the client's buffers, whom an arrival wakes, and what is kept in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

from pipeline.kafka.fetch_loop import FetchLoop
from pipeline.kafka.fetch_trouble import FetchTrouble
from pipeline.kafka.lease import IDLE_SECONDS, KafkaLease, TopicReplaced
from pipeline.kafka.offset_resolver import OffsetResolver
from pipeline.kafka.ownership_proof import OwnershipProof
from tests.fakes.buffers import RECORD_BYTES, Log, MemoryBuffers
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

LANE, OTHER = TopicPartition("lane", 0), TopicPartition("other", 0)


@dataclass(slots=True)
class NoOffsets:
    """What a group knows of its offsets: where the partition begins, and nothing else."""

    buffers: MemoryBuffers

    async def oldest(self, tp: TopicPartition) -> int:
        return self.buffers.logs[tp].oldest


@dataclass(slots=True)
class World:
    """Leases on partitions of one broker, and the loop that wakes them."""

    buffers: MemoryBuffers = field(default_factory=MemoryBuffers)
    telemetry: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    leases: dict[TopicPartition, KafkaLease] = field(default_factory=dict)
    proofs: dict[TopicPartition, OwnershipProof] = field(default_factory=dict)

    def lease(
        self, tp: TopicPartition, log: Log, *, at: int = 0, idle: float = IDLE_SECONDS
    ) -> KafkaLease:
        clock = asyncio.get_running_loop().time
        self.buffers.logs[tp] = log
        self.proofs[tp] = OwnershipProof(clock)
        resolver = OffsetResolver(
            NoOffsets(self.buffers),  # type: ignore[arg-type]
            tp,
            start="earliest",
            telemetry=self.telemetry,
        )
        self.leases[tp] = KafkaLease(
            self.buffers,
            tp,
            resolver,
            self.proofs[tp],
            FetchTrouble(tp, self.telemetry, clock),
            begun=lambda: None,
            idle_seconds=idle,
        )
        self.leases[tp].seek(at)
        return self.leases[tp]

    @asynccontextmanager
    async def running(self, *, buffer_bytes: int = 1_000_000) -> AsyncIterator[None]:
        """The broker answers four times a second."""

        async def answer() -> None:
            while True:
                await asyncio.sleep(0.25)
                self.buffers.fetch()

        loop = FetchLoop(self.buffers, lambda: self.leases, at_most=buffer_bytes)
        async with asyncio.TaskGroup() as tasks:
            helpers = [tasks.create_task(loop.run()), tasks.create_task(answer())]
            yield
            for helper in helpers:
                helper.cancel()


def _offsets(records: Sequence[object]) -> list[object]:
    return [getattr(record, "offset", None) for record in records]


def test_records_come_in_order_and_in_portions_as_large_as_was_asked_for() -> None:
    async def story() -> list[list[object]]:
        world = World()
        lease = world.lease(LANE, Log(end=10))
        async with world.running():
            return [_offsets(await lease.fetch(4)) for _ in range(3)]

    assert run_virtual(story()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_an_arrival_wakes_the_lease_it_is_for_and_an_idle_one_costs_nothing() -> None:
    """
    A thousand lanes wait; what comes for one of them moves no other task.
    """

    async def story() -> tuple[int, int]:
        world = World()
        wakened: list[TopicPartition] = []
        lanes = [TopicPartition(f"lane-{number}", 0) for number in range(1000)]
        for tp in lanes:
            world.lease(tp, Log())
        async with world.running(), asyncio.TaskGroup() as tasks:
            workers = [tasks.create_task(_reading(world.leases[tp], wakened)) for tp in lanes]
            await asyncio.sleep(IDLE_SECONDS * 0.75)
            idle = len(wakened)
            world.buffers.logs[lanes[7]].end = 5
            await asyncio.sleep(1)
            busy = len(wakened)
            for worker in workers:
                worker.cancel()
        return idle, busy

    assert run_virtual(story()) == (0, 1)


async def _reading(lease: KafkaLease, wakened: list[TopicPartition]) -> None:
    while True:
        await lease.fetch(100)
        wakened.append(lease.tp)


@pytest.mark.parametrize("idle", [IDLE_SECONDS, 2.0])
def test_a_worker_is_told_now_and_then_that_nothing_came(idle: float) -> None:
    """
    A worker that waits for records has no work that stands still; a watchdog may be impatient.
    """

    async def story() -> tuple[list[object], float]:
        world = World()
        lease = world.lease(LANE, Log(), idle=idle)
        async with world.running():
            before = _now()
            return _offsets(await lease.fetch(10)), round(_now() - before, 3)

    assert run_virtual(story()) == ([], idle)


class TestTrouble:
    """
    A partition that cannot be read.
    """

    def test_what_stands_before_a_corrupt_batch_is_handed_out_and_nothing_behind_it(self) -> None:
        async def story() -> tuple[list[object], bool]:
            world = World()
            lease = world.lease(LANE, Log(end=10, corrupt=6))
            async with world.running(), asyncio.TaskGroup() as tasks:
                read: list[object] = []
                worker = tasks.create_task(_collect(lease, read))
                await asyncio.sleep(300)
                has_returned = worker.done()
                worker.cancel()
            return read, has_returned

        assert run_virtual(story()) == ([0, 1, 2, 3, 4, 5], False)

    def test_it_is_seen_to_stand_still_and_is_counted_while_its_neighbour_goes_on(self) -> None:
        """
        The worker gets no answer, not even that nothing came: that is what health looks at.
        """

        async def story() -> tuple[int, int, int]:
            world = World()
            broken, well = world.lease(LANE, Log(end=3, corrupt=0)), world.lease(OTHER, Log())
            returned: list[TopicPartition] = []
            async with world.running(), asyncio.TaskGroup() as tasks:
                workers = [tasks.create_task(_reading(one, returned)) for one in (broken, well)]
                await asyncio.sleep(10 * IDLE_SECONDS)
                for worker in workers:
                    worker.cancel()
            return (
                returned.count(LANE),
                returned.count(OTHER),
                world.telemetry.counts["fetch_failed", "lane", "0", "CorruptRecordException"],
            )

        stood_still, went_on, counted = run_virtual(story())
        assert (stood_still, went_on) == (0, 9)
        assert counted > 100

    def test_a_partition_that_the_broker_refuses_stands_still_as_long_as_it_does(self) -> None:
        async def story() -> tuple[int, int]:
            world = World()
            lease = world.lease(LANE, Log())
            returned: list[TopicPartition] = []
            async with world.running(), asyncio.TaskGroup() as tasks:
                worker = tasks.create_task(_reading(lease, returned))
                for _ in range(400):
                    lease.refused(kafka_errors.UnknownError)
                    await asyncio.sleep(0.25)
                refused = len(returned)
                await asyncio.sleep(3 * IDLE_SECONDS)
                worker.cancel()
            return refused, len(returned)

        refused, later = run_virtual(story())
        assert refused == 0
        assert later >= 2

    def test_records_that_left_before_they_were_read_are_counted_and_it_goes_on(self) -> None:
        async def story() -> tuple[list[object], int]:
            world = World()
            lease = world.lease(LANE, Log(end=8, oldest=5))
            async with world.running():
                first = await lease.fetch(10)
                read = _offsets([*first, *await lease.fetch(10)])
            return read, world.telemetry.counts["offsets_lost", "lane", "0"]

        assert run_virtual(story()) == ([5, 6, 7], 5)

    def test_a_topic_made_anew_ends_the_worker(self) -> None:
        async def story() -> str:
            world = World()
            lease = world.lease(LANE, Log(end=2), at=7)
            async with world.running():
                try:
                    await lease.fetch(10)
                except TopicReplaced:
                    return "replaced"
            return "went on"

        assert run_virtual(story()) == "replaced"


class TestRebalance:
    """
    The partition is taken away and given back.
    """

    def test_nothing_is_taken_while_it_is_away_and_then_it_goes_on_where_it_stood(self) -> None:
        """
        What the client fetches for the next assignment may come from anywhere.
        """

        async def story() -> tuple[list[object], list[object]]:
            world = World(MemoryBuffers(at_once=3))
            lease = world.lease(LANE, Log(end=9))
            async with world.running(), asyncio.TaskGroup() as tasks:
                read = _offsets(await lease.fetch(3))
                world.proofs[LANE].revoke()
                lease.revoke()
                later: list[object] = []
                worker = tasks.create_task(_collect(lease, later))
                world.buffers.rebalance()
                world.buffers.positions[LANE] = 0
                await asyncio.sleep(5)
                read += later
                world.buffers.rebalance()
                world.proofs[LANE].renew()
                lease.renew()
                await asyncio.sleep(5)
                worker.cancel()
            return read, later

        assert run_virtual(story()) == ([0, 1, 2], [3, 4, 5, 6, 7, 8])

    def test_a_paused_partition_is_still_paused(self) -> None:
        async def story() -> set[TopicPartition]:
            world = World()
            lease = world.lease(LANE, Log(end=9))
            lease.pause()
            world.proofs[LANE].revoke()
            lease.revoke()
            world.buffers.rebalance()
            world.proofs[LANE].renew()
            lease.renew()
            return set(world.buffers.paused)

        assert run_virtual(story()) == {LANE}


class TestMemory:
    """
    What the client has fetched and nobody takes.
    """

    def test_a_paused_partition_keeps_what_was_fetched_and_is_not_fetched_again(self) -> None:
        async def story() -> tuple[int, list[object]]:
            world = World(MemoryBuffers(at_once=4))
            lease = world.lease(LANE, Log(end=8))
            async with world.running():
                await lease.fetch(2)
                lease.pause()
                await asyncio.sleep(5)
                kept = world.buffers.size(LANE)
                return kept, _offsets(await lease.fetch(10))

        assert run_virtual(story()) == (2 * RECORD_BYTES, [2, 3])

    def test_it_is_bounded_for_all_that_nobody_asks_for_together_and_nothing_is_lost(self) -> None:
        async def story() -> tuple[int, list[list[object]]]:
            world = World(MemoryBuffers(at_once=10))
            lanes = [TopicPartition(f"lane-{number}", 0) for number in range(20)]
            for tp in lanes:
                world.lease(tp, Log(end=10)).pause()
                world.buffers.resume(tp)
            async with world.running(buffer_bytes=50 * RECORD_BYTES):
                await asyncio.sleep(5)
                kept = sum(world.buffers.size(tp) for tp in lanes)
                read = [_offsets(await world.leases[tp].fetch(10)) for tp in lanes]
            return kept, read

        kept, read = run_virtual(story())
        assert kept <= 50 * RECORD_BYTES
        assert read == [list(range(10))] * 20


class TestPositions:
    """
    What a commit may say of a partition.
    """

    def test_behind_the_last_record_come_the_markers_of_its_transaction(self) -> None:
        """
        Otherwise a lane that is done would show a lag of one for ever.
        """

        async def story() -> tuple[int | None, int | None, int | None]:
            world = World()
            lease = world.lease(LANE, Log(end=10, markers=1))
            async with world.running():
                lease.settle(0)
                await lease.fetch(100)
                before = lease.committable(final=False)
                lease.settle(10)
                after = lease.committable(final=False)
            assert before is not None
            assert after is not None
            return before.offset, after.offset, lease.lag()

        assert run_virtual(story()) == (0, 11, 0)


async def _collect(lease: KafkaLease, read: list[object]) -> None:
    while True:
        read += _offsets(await lease.fetch(100))


def _now() -> float:
    return asyncio.get_running_loop().time()
