"""The plan fetches what the client itself would fetch, without looking at every partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.protocol.fetch import FetchRequest_v4
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kafka.fetch_plan import LOOK_SECONDS, Actions, FetchPlan
from pipeline.kafka.internals import FetcherView

PARTITIONS = [TopicPartition(topic, number) for topic in "ab" for number in range(2)]
NODES = (1, 2)


@dataclass(slots=True)
class State:
    """What the client keeps of a partition that it was given."""

    position: int | None = None
    paused: bool = False
    resume_fut: None = None

    @property
    def has_valid_position(self) -> bool:
        return self.position is not None


@dataclass(slots=True)
class Assigned:
    """What a group gave to the client."""

    states: dict[TopicPartition, State]

    @property
    def tps(self) -> frozenset[TopicPartition]:
        return frozenset(self.states)

    def state_value(self, tp: TopicPartition) -> State | None:
        return self.states.get(tp)


@dataclass(slots=True)
class Buffered:
    """Records that nobody has taken yet."""

    seconds: float

    def calculate_backoff(self) -> float:
        return self.seconds


class Leaders(ClusterMetadata):  # type: ignore[misc]
    """Brokers that lead what a story says."""

    leads: Mapping[TopicPartition, int] = {}

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        return self.leads.get(partition)


class Client(Fetcher):  # type: ignore[misc]
    """The library's own fetcher, as far as it decides what to fetch."""

    def __init__(self) -> None:
        self._client = SimpleNamespace(cluster=Leaders())
        self._records: dict[TopicPartition, Buffered] = {}
        self._in_flight: set[int] = set()
        self._pending_tasks: list[SimpleNamespace] = []
        self._preferred_read_replica: dict[TopicPartition, object] = {}
        self._fetch_max_wait_ms, self._fetch_min_bytes, self._fetch_max_bytes = 500, 1, 1000
        self._max_partition_fetch_bytes, self._isolation_level = 100, 1
        self._fetcher_timeout, self._client_rack = LOOK_SECONDS, None

    def own_actions(self, assignment: Assigned) -> Actions:
        actions: Actions = Fetcher._get_actions_per_node(self, assignment)
        return actions


@dataclass(slots=True)
class Story:
    """A client that decides by itself, and a plan that is told what has changed."""

    client: Client = field(default_factory=Client)
    plan: FetchPlan = field(init=False)
    assignment: Assigned = field(default_factory=lambda: Assigned({}))

    def __post_init__(self) -> None:
        consumer = SimpleNamespace(_fetcher=self.client, _client=self.client._client)
        view = FetcherView(consumer)
        # A look a second: for what is missing the client may ask each time.
        self.plan = FetchPlan(view, map(float, count()).__next__)
        view.plan_by(self.plan, lambda client: client, self.plan.look_at_all)

    def assign(self, tps: Sequence[TopicPartition]) -> None:
        self.client._records.clear()
        self.assignment = Assigned({tp: State() for tp in tps})

    def seek(self, tp: TopicPartition, offset: int) -> None:
        if (state := self.assignment.states.get(tp)) is not None:
            self.client._records.pop(tp, None)
            state.position = offset
            self.plan.look_at(tp)

    def pause(self, tp: TopicPartition, paused: bool) -> None:
        if (state := self.assignment.states.get(tp)) is not None:
            state.paused = paused
            self.plan.look_at(tp)

    def come(self, tp: TopicPartition, seconds: float) -> None:
        """What is buffered is seen without being told."""
        state = self.assignment.states.get(tp)
        if state is not None and state.has_valid_position:
            self.client._records[tp] = Buffered(seconds)

    def take(self, tp: TopicPartition) -> None:
        state = self.assignment.states.get(tp)
        if state is not None and self.client._records.pop(tp, None) is not None:
            state.position = (state.position or 0) + 1
            self.plan.look_at(tp)

    def lead(self, tp: TopicPartition, node: int | None) -> None:
        cluster = self.client._client.cluster
        cluster.leads = {**cluster.leads, tp: node}
        for listener in cluster._listeners:
            listener(cluster)

    def answer(self, node: int, is_busy: bool) -> None:
        self.client._in_flight.discard(node)
        if is_busy:
            self.client._in_flight.add(node)
        at_work = SimpleNamespace(done=lambda: False)
        self.client._pending_tasks = [at_work] * len(self.client._in_flight)


tps, nodes = st.sampled_from(PARTITIONS), st.sampled_from(NODES)
steps = st.one_of(
    st.tuples(st.just("assign"), st.lists(tps, unique=True)),
    st.tuples(st.just("seek"), tps, st.integers(0, 3)),
    st.tuples(st.just("pause"), tps, st.booleans()),
    st.tuples(st.just("come"), tps, st.sampled_from([0.0, 0.05, 0.1])),
    st.tuples(st.just("take"), tps),
    st.tuples(st.just("lead"), tps, st.sampled_from([1, 2, -1, None])),
    st.tuples(st.just("answer"), nodes, st.booleans()),
)


@given(st.lists(st.lists(steps, max_size=8), max_size=12))
def test_whatever_happens_the_plan_says_what_the_client_would(
    story: Sequence[Sequence[tuple[Any, ...]]],
) -> None:
    told = Story()
    told.assign(PARTITIONS)
    for tp in PARTITIONS:
        told.lead(tp, 1)
        told.seek(tp, 0)

    for happened in story:
        for name, *arguments in happened:
            getattr(told, name)(*arguments)

        assert _said(told.plan(told.assignment)) == _said(told.client.own_actions(told.assignment))


def test_a_look_with_nothing_new_touches_no_partition() -> None:
    told = Story()
    lanes = [TopicPartition(f"lane-{number}", 0) for number in range(1000)]
    told.assign(lanes)
    for tp in lanes:
        told.lead(tp, 1)
        told.seek(tp, 0)
    told.plan(told.assignment)
    looked_at: list[TopicPartition] = []
    told.assignment = told.plan._assignment = Watched(told.assignment.states, looked_at)

    told.plan(told.assignment)
    told.come(lanes[7], 0.0)
    told.take(lanes[7])
    looked_at.clear()
    fetches, *_ = told.plan(told.assignment)

    assert looked_at == [lanes[7]]
    assert len(fetches) == 1


@dataclass(slots=True)
class Watched(Assigned):
    """Tells which partitions are looked at."""

    looked_at: list[TopicPartition]

    def state_value(self, tp: TopicPartition) -> State | None:
        self.looked_at.append(tp)
        return self.states.get(tp)


def _said(actions: Actions) -> object:
    """Which broker is asked for what from where on, in the form of a request for everything."""
    fetches, resets, wait, lacks_leader, _ = actions
    asked = {
        node: {
            (topic, partition): offset
            for topic, partitions in request.build(FetchRequest_v4).topics
            for partition, offset, _ in partitions
        }
        for node, request in fetches
    }
    return asked, {node: set(tps) for node, tps in resets.items()}, wait, lacks_leader
