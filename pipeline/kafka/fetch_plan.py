"""Decides what to fetch next; looks only at partitions that have changed.

The client itself looks at all its partitions before and after each fetch. With a thousand lanes,
of which five are busy, that look is most of the cost of an idle lane.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest

from pipeline.kafka.fetch_sessions import FetchSession, Refused, SessionClient, SessionFetch
from pipeline.kafka.internals import FetcherView

LOOK_SECONDS = 2.0
"""The longest wait between looks. Each known change wakes the client; this is for others."""
LEADER_SECONDS = 0.2
"""The least time between two questions for a missing leader. Each answer names all topics, and the
client asks again at once. So a broker that was down, or a deleted topic, used a whole core."""

Actions = tuple[
    Sequence[tuple[int, FetchRequest]],
    Mapping[int, Sequence[TopicPartition]],
    float,
    bool,
    Sequence[asyncio.Future[None]],
]
"""The client's next actions: fetches by broker, partitions that need a position, seconds until the
next look, whether a leader is missing, and futures that end the wait early."""


@dataclass(slots=True)
class _Found:
    """The results of one look at the partitions, by broker."""

    fetches: list[tuple[int, FetchRequest]] = field(default_factory=list)
    resets: defaultdict[int, list[TopicPartition]] = field(
        default_factory=lambda: defaultdict(list)
    )
    waits: dict[int | None, float] = field(default_factory=dict)
    lacks_leader: bool = False
    asks_in: float = 0.0
    """Seconds until the brokers may be asked for leaders."""
    is_too_early: bool = False
    """A broker has answered but still counts as busy; nothing else would wake the client."""

    def wait(self, node: int | None, seconds: float) -> None:
        """Wait for records of this broker to be taken; its other partitions wait, too."""
        if seconds > 0:
            self.waits[node] = max(seconds, self.waits.get(node, 0.0))

    def holds(self, node: int) -> bool:
        return node in self.waits or node in self.resets

    def actions(self) -> Actions:
        wait = 0.0 if self.is_too_early else min(self.waits.values(), default=LOOK_SECONDS)
        if self.lacks_leader and self.asks_in > 0:
            return self.fetches, self.resets, min(wait, self.asks_in), False, ()
        return self.fetches, self.resets, wait, self.lacks_leader, ()


class FetchPlan:
    """Decides for each partition as the client would, and remembers the decision.

    Code that seeks, pauses, resumes or takes must call `look_at`. A partition without a leader or a
    position, or with records to take, is looked at again each time.
    """

    def __init__(self, fetcher: FetcherView, clock: Callable[[], float]) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._asked_for_leaders_at = -math.inf
        self._assignment: Any = None
        self._open: set[TopicPartition] = set()
        """Partitions to look at again."""
        self._wanted_of: dict[TopicPartition, int] = {}
        """The broker that we ask for each partition."""
        self._sessions: defaultdict[int, FetchSession] = defaultdict(
            lambda: FetchSession(fetcher.request, fetcher.partition_bytes)
        )

    def look_at(self, tp: TopicPartition) -> None:
        """Look at this partition next time: something about it has changed."""
        self._open.add(tp)

    def look_at_all(self, _: object = None) -> None:
        """Look at all partitions next time: their leaders may have changed."""
        self._open.update(self._wanted_of)

    def __call__(self, assignment: Any) -> Actions:
        """Return the client's next actions."""
        if assignment is not self._assignment:
            self._begin(assignment)
        found = _Found()
        self._open.update(self._fetcher.buffered)
        for tp in list(self._open):
            self._decide(tp, assignment.state_value(tp), found)
        for node, session in self._sessions.items():
            if session.is_wanted and not (node in self._fetcher.busy or found.holds(node)):
                found.fetches.append((node, SessionFetch(session)))
        found.is_too_early = self._fetcher.is_behind
        self._bound_questions(found)
        return found.actions()

    def _bound_questions(self, found: _Found) -> None:
        found.asks_in = self._asked_for_leaders_at + LEADER_SECONDS - self._clock()
        if found.lacks_leader and found.asks_in <= 0:
            self._asked_for_leaders_at = self._clock()

    def _begin(self, assignment: Any) -> None:
        for tp in self._wanted_of.keys() - assignment.tps:
            self._leave(tp)
        for session in self._sessions.values():
            # The client does not know the new assignment's partitions until a broker answers.
            session.forget()
        self._assignment = assignment
        self._open = set(assignment.tps)

    def _decide(self, tp: TopicPartition, state: Any, found: _Found) -> None:
        if state is None:  # it was lost meanwhile
            self._open.discard(tp)
            return
        node = self._fetcher.leader(tp)
        if tp in self._fetcher.buffered:
            self._leave(tp)
            found.wait(node, self._fetcher.patience(tp))
        elif node is None:
            self._leave(tp)
            found.lacks_leader = True
        elif not state.has_valid_position:
            self._leave(tp)
            if node not in self._fetcher.busy:
                found.resets[node].append(tp)
        else:
            self._open.discard(tp)
            if state.paused:
                self._leave(tp)
            else:
                self._want(tp, node, state.position)

    def _want(self, tp: TopicPartition, node: int, position: int) -> None:
        if self._wanted_of.get(tp, node) != node:
            self._leave(tp)
        self._wanted_of[tp] = node
        self._sessions[node].want(tp, position)

    def _leave(self, tp: TopicPartition) -> None:
        node = self._wanted_of.pop(tp, None)
        if node is not None:
            self._sessions[node].leave(tp)


def plan_fetches(consumer: AIOKafkaConsumer, refused: Refused) -> FetchPlan:
    """Make a started consumer fetch by a plan; `refused` is called for each refused partition."""
    fetcher = FetcherView(consumer)
    plan = FetchPlan(fetcher, asyncio.get_running_loop().time)
    fetcher.plan_by(plan, lambda client: SessionClient(client, refused), plan.look_at_all)
    return plan
