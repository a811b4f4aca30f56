"""Fetches by a plan, with the library's own fetching task, brokers in trouble, and virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import OffsetAndMetadata
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.fetch_plan import LEADER_SECONDS, LOOK_SECONDS, plan_fetches
from pipeline.kafka.internals import ClientBuffers, raise_fetcher_error
from tests.fakes.fetch_cluster import LATE_SECONDS, FetchCluster, FetchLine
from tests.fakes.virtual_loop import TURN_SECONDS, run_virtual

PARTITIONS = [TopicPartition(topic, number) for topic in "ab" for number in range(2)]
NODES = (1, 2)
RETRY_SECONDS = 0.1
"""After a fetch that failed."""
COORDINATOR_SECONDS = 0.07
NO_OFFSET = OffsetAndMetadata(-1, "")
MENDED_SECONDS = LATE_SECONDS + 0.9
"""One answer that is late, a wait for records and a lookup of leaders: less than a lost wake-up."""


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    The library looks at the clock of the machine for how long records wait to be taken.
    """

    def now() -> float:
        return asyncio.get_running_loop().time()

    with monkeypatch.context() as patched:
        patched.setattr(fetcher, "time", SimpleNamespace(monotonic=now, time=now))
        yield


class Reader:
    """Reads partitions as leases do, and sees that each record comes once and in order."""

    def __init__(self, cluster: FetchCluster, line: FetchLine) -> None:
        self.cluster = cluster
        self.line = line
        self._subscription = SubscriptionState()
        self._subscription.subscribe({tp.topic for tp in PARTITIONS})
        self._fetcher = fetcher.Fetcher(line, self._subscription, auto_offset_reset="none")
        self.consumer = SimpleNamespace(
            _fetcher=self._fetcher,
            _client=line,
            _subscription=self._subscription,
            seek=self._fetcher.seek_to,
            pause=self._subscription.pause,
            resume=self._subscription.resume,
        )
        plan = plan_fetches(self.consumer, lambda *_: None)
        self.buffers = ClientBuffers(self.consumer, plan.look_at)
        self.position = dict.fromkeys(PARTITIONS, 0)
        self.owned: set[TopicPartition] = set()
        self.paused: set[TopicPartition] = set()
        self.resting: set[TopicPartition] = set()
        """Partitions whose worker has no time."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._coordinate())
            while True:
                arrival = self.buffers.arrival()
                for tp in self.buffers.waiting():
                    if tp in self.owned - self.paused - self.resting:
                        self._take(tp)
                await asyncio.wait([arrival], timeout=0.1)
                arrival.cancel()

    async def close(self) -> None:
        await self._fetcher.close()

    @property
    def is_level(self) -> bool:
        """Whether everything was read, and the ends are known."""
        raise_fetcher_error(self.consumer)
        ends = {tp: self.cluster.logs[tp].end for tp in self.owned}
        return all(end == self.position[tp] == self.buffers.end(tp) for tp, end in ends.items())

    def _take(self, tp: TopicPartition) -> None:
        try:
            records = self.buffers.take(tp, 3)
        except kafka_errors.OffsetOutOfRangeError:
            self.position[tp] = max(self.position[tp], self.cluster.logs[tp].start)
            self.buffers.seek(tp, self.position[tp])
            return
        except kafka_errors.NoOffsetForPartitionError:
            self.buffers.seek(tp, self.position[tp])
            return
        for record in records:
            assert (record.offset, record.value) == (self.position[tp], b"%d" % record.offset)
            self.position[tp] += 1

    async def _coordinate(self) -> None:
        """The library asks for committed offsets of what was just assigned."""
        while True:
            await asyncio.sleep(COORDINATOR_SECONDS)
            assignment = self._subscription.subscription.assignment
            for tp in assignment.requesting_committed() if assignment else ():
                assignment.state_value(tp).update_committed(NO_OFFSET)

    # What may happen

    def assign(self, tps: Sequence[TopicPartition]) -> None:
        self._subscription.assign_from_subscribed(set(tps))
        self.owned = set(tps)
        for tp in tps:
            self.buffers.seek(tp, self.position[tp])
            if tp in self.paused:
                self.buffers.pause(tp)

    def pause(self, tp: TopicPartition) -> None:
        self.paused.add(tp)
        if tp in self.owned:
            self.buffers.pause(tp)

    def resume(self, tp: TopicPartition) -> None:
        self.paused.discard(tp)
        if tp in self.owned:
            self.buffers.resume(tp)

    def go_back(self, tp: TopicPartition, count: int) -> None:
        self.position[tp] = max(self.cluster.logs[tp].start, self.position[tp] - count)
        if tp in self.owned:
            self.buffers.seek(tp, self.position[tp])

    def go_away_and_back(self, tp: TopicPartition) -> None:
        if tp in self.owned:
            self.buffers.seek(tp, 0)
            self.buffers.seek(tp, self.position[tp])


@asynccontextmanager
async def reading() -> AsyncIterator[Reader]:
    cluster = FetchCluster(PARTITIONS, NODES)
    reader = Reader(cluster, FetchLine(cluster))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(reader.run())
        reader.assign(PARTITIONS)
        yield reader
        task.cancel()
    await reader.close()


async def level_within(reader: Reader, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not reader.is_level:
            await asyncio.sleep(0.01)


tps, nodes = st.sampled_from(PARTITIONS), st.sampled_from(NODES)
some = st.lists(tps, unique=True)
mishaps = st.sampled_from(["lost", "unheard", "slow", "old"])
steps = st.one_of(
    st.tuples(st.just("produce"), tps, st.integers(1, 5)),
    st.tuples(st.sampled_from(["pause", "resume", "rest", "work", "trim", "away and back"]), tps),
    st.tuples(st.sampled_from(["gone", "there"]), tps),
    st.tuples(st.just("go back"), tps, st.integers(0, 4)),
    st.tuples(st.just("lead"), tps, st.sampled_from([1, 2, -1])),
    st.tuples(st.sampled_from(["leave", "return", "forget", "fill"]), nodes),
    st.tuples(st.just("mishap"), nodes, mishaps),
    st.tuples(st.just("connect"), st.sampled_from([0.0, 0.2])),
    st.tuples(st.just("rebalance"), some),
)
seconds = st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.1, 0.3, 0.6, 2.5])


def happen(reader: Reader, name: str, *what: Any) -> None:
    cluster = reader.cluster
    happenings: Mapping[str, Callable[..., object]] = {
        "produce": cluster.produce,
        "pause": reader.pause,
        "resume": reader.resume,
        "rest": reader.resting.add,
        "work": reader.resting.discard,
        "trim": cluster.trim,
        "gone": lambda tp: setattr(cluster.logs[tp], "is_there", False),
        "there": lambda tp: setattr(cluster.logs[tp], "is_there", True),
        "away and back": reader.go_away_and_back,
        "go back": reader.go_back,
        "lead": cluster.lead,
        "leave": cluster.leave,
        "return": cluster.away.discard,
        "forget": cluster.forget,
        "fill": cluster.full.add,
        "mishap": lambda node, mishap: cluster.mishaps[node].append(mishap),
        "connect": lambda seconds: setattr(reader.line, "connect_seconds", seconds),
        "rebalance": reader.assign,
    }
    happenings[name](*what)


def mend(reader: Reader) -> None:
    """Only what the client hears from brokers tells it that all is well again."""
    reader.cluster.away.clear()
    reader.cluster.full.clear()
    reader.cluster.mishaps.clear()
    reader.resting.clear()
    reader.line.connect_seconds = 0.0
    for tp, log in reader.cluster.logs.items():
        log.is_there = True
        if log.leader not in NODES:
            reader.cluster.lead(tp, NODES[0])
        reader.resume(tp)
        reader.cluster.produce(tp, 1)


@given(st.lists(st.tuples(seconds, steps), min_size=10, max_size=40))
def test_whatever_happened_each_record_comes_once_and_soon_after_all_is_well(
    story: Sequence[tuple[float, tuple[Any, ...]]],
) -> None:
    """
    Leaders that move, brokers that are away or forget, requests and answers that are lost, topics
    that vanish, rebalances, pauses and seeks in flight.
    """

    async def tell() -> None:
        async with reading() as reader:
            for wait, step in story:
                await asyncio.sleep(wait)
                happen(reader, *step)
            mend(reader)
            await level_within(reader, MENDED_SECONDS)

    run_virtual(tell())


@pytest.mark.parametrize("turns", range(-8, 8))
def test_a_fetch_that_ends_in_the_turn_of_another_wake_up_is_followed_by_the_next(
    turns: int,
) -> None:
    """
    The client then takes note of the answer, and plans while the broker still counts as busy.
    """

    async def tell() -> None:
        async with reading() as reader:
            tp, other = PARTITIONS[0], PARTITIONS[2]
            reader.assign([tp, other])
            reader.pause(other)
            await asyncio.sleep(1)
            reader.cluster.leave(NODES[0])
            await asyncio.sleep(RETRY_SECONDS / 2)
            reader.cluster.away.clear()
            await asyncio.sleep(RETRY_SECONDS / 2 + turns * TURN_SECONDS)
            reader.resume(other)
            reader.cluster.produce(tp, 1)

            await level_within(reader, LOOK_SECONDS / 2)

    run_virtual(tell())


def test_a_leader_that_is_missing_is_asked_for_now_and_then_while_others_are_read() -> None:
    """
    Each answer names all topics, and a broker may be away for an hour.
    """

    async def tell() -> int:
        async with reading() as reader:
            lost, other = PARTITIONS[0], PARTITIONS[2]
            reader.cluster.lead(lost, -1)
            reader.cluster.produce(lost, 1)
            reader.line.force_metadata_update()
            await asyncio.sleep(1)
            before = reader.line.lookups
            for _ in range(10):
                reader.cluster.produce(other, 1)
                await asyncio.sleep(1)
            asked = reader.line.lookups - before
            reader.cluster.lead(lost, NODES[1])
            await level_within(reader, 3 * LEADER_SECONDS)
        return asked

    assert 0 < run_virtual(tell()) <= 10 / LEADER_SECONDS
