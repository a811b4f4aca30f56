"""What waits in one lane: grouped by audience, one change a member, never two in flight at once."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import NamedTuple

from pipeline.domain.change import Action
from pipeline.domain.lane_record import audience_of
from pipeline.telemetry.facts import FlushReason

SEPARATOR_BYTES = 1
RECORD_OVERHEAD_BYTES = 500
"""What Python's objects around one record in memory weigh, beside its key and value."""


class QueuedRecord(NamedTuple):
    """One record of a lane's topic."""

    key: bytes
    """audienceId|externalUserId: one member of one audience."""
    value: bytes
    offset: int
    audience: str
    action: Action
    changed_at_ms: int
    route: bytes
    """What the partner's package wrote for itself, such as target types."""
    admitted_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of one request, and how long its first record may wait for company."""

    max_records: int
    max_bytes: int
    """Of the encoded body, overhead and separators included."""
    linger: float
    overhead_bytes: int


class Batch(NamedTuple):
    """Records of one audience that go out together."""

    audience: str
    records: Sequence[QueuedRecord]
    reason: FlushReason

    def __repr__(self) -> str:
        return f"<Batch of {len(self.records)} for audience {self.audience}>"


@dataclass(slots=True)
class _Queue:
    """One audience. `deferred` are changes of members whose earlier change is in flight.

    `places` says whose turn it is: the member that has waited longest, even if it was deferred.
    """

    ready: dict[bytes, QueuedRecord] = field(default_factory=dict)
    places: list[tuple[float, int, bytes]] = field(default_factory=list)
    deferred: dict[bytes, QueuedRecord] = field(default_factory=dict)
    ready_bytes: int = 0

    def put(self, waiting: QueuedRecord) -> QueuedRecord | None:
        """Add a change at the place of the one that it overtakes, which is returned.

        At the end, a member that changes all the time would never reach the front.
        """
        earlier = self.ready.get(waiting.key)
        if earlier is None:
            heappush(self.places, (waiting.admitted_at, waiting.offset, waiting.key))
        else:
            waiting = waiting._replace(admitted_at=earlier.admitted_at)
            self.ready_bytes -= _size(earlier)
        self.ready[waiting.key] = waiting
        self.ready_bytes += _size(waiting)
        return earlier

    def defer(self, waiting: QueuedRecord) -> QueuedRecord | None:
        earlier = self.deferred.get(waiting.key)
        if earlier is not None:
            waiting = waiting._replace(admitted_at=earlier.admitted_at)
        self.deferred[waiting.key] = waiting
        return earlier

    def let_go(self, key: bytes) -> None:
        """Move a deferred change to its place: before all that came after it."""
        waiting = self.deferred.pop(key, None)
        if waiting is not None:
            self.put(waiting)

    def oldest(self) -> QueuedRecord:
        return self.ready[self.places[0][2]]

    def take_oldest(self) -> QueuedRecord:
        _, _, key = heappop(self.places)
        waiting = self.ready.pop(key)
        self.ready_bytes -= _size(waiting)
        return waiting

    def take(self, limits: Limits) -> list[QueuedRecord]:
        """As many of the oldest records as both limits allow, and at least one."""
        taken: list[QueuedRecord] = []
        size = limits.overhead_bytes
        while self.ready and len(taken) < limits.max_records:
            size += _size(self.oldest())
            if taken and size > limits.max_bytes:
                break
            taken.append(self.take_oldest())
        return taken


def weight(records: Iterable[QueuedRecord]) -> int:
    """Bytes that records take in memory."""
    return sum(len(one.key) + len(one.value) + RECORD_OVERHEAD_BYTES for one in records)


class LaneQueue:
    """Everything a lane has read and not yet handed over. Decides; sends nothing.

    Linger counts from the first record, not from the last flush, so that a quiet audience waits
    once and not for ever.
    """

    def __init__(self, limits: Limits) -> None:
        self._configured = limits
        self._limits = limits
        self._queues: dict[str, _Queue] = {}
        self._in_flight: set[bytes] = set()
        self._bytes = 0
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """Bytes that what waits takes in memory, without what is in flight."""
        return self._bytes

    def add(self, waiting: QueuedRecord) -> QueuedRecord | None:
        """Let a change wait; returns the earlier change of the same member that it overtakes."""
        queue = self._queues.setdefault(waiting.audience, _Queue())
        is_deferred = waiting.key in self._in_flight
        earlier = queue.defer(waiting) if is_deferred else queue.put(waiting)
        self._account(added=(waiting,), removed=() if earlier is None else (earlier,))
        return earlier

    def take(self, now: float, without: Collection[str] = ()) -> Batch | None:
        """The due batch with the oldest record, or None. Its members are in flight from now on.

        `without`: audiences of which nothing is taken.
        """
        due = [
            (queue.oldest().admitted_at, audience, reason)
            for audience, queue in self._queues.items()
            if queue.ready
            and audience not in without
            and (reason := self._due(queue, now)) is not None
        ]
        if not due:
            return None
        _, audience, reason = min(due)
        return self._taken(audience, self._queues[audience].take(self._limits), reason)

    def first(self, without: Collection[str] = ()) -> str | None:
        """The audience whose oldest record stands first in the lane; None when nothing waits."""
        waiting = [
            (queue.oldest().offset, audience)
            for audience, queue in self._queues.items()
            if queue.ready and audience not in without
        ]
        return min(waiting)[1] if waiting else None

    def take_probe(self, audience: str, most: int) -> Batch | None:
        """A few of its oldest records, due or not: to ask whether the partner takes them again."""
        queue = self._queues.get(audience)
        if queue is None or not queue.ready:
            return None
        limits = replace(self._limits, max_records=min(most, self._limits.max_records))
        return self._taken(audience, queue.take(limits), "probe")

    def due_in(self, now: float, without: Collection[str] = ()) -> float | None:
        """Seconds until the next linger ends; None when nothing waits that could be sent."""
        heads = [
            queue.oldest().admitted_at
            for audience, queue in self._queues.items()
            if queue.ready and audience not in without
        ]
        return None if not heads else max(0.0, min(heads) + self._limits.linger - now)

    def settled(self, records: Iterable[QueuedRecord], audience: str) -> None:
        """These are no longer in flight: newer changes of their members may go."""
        queue = self._queues.get(audience, _Queue())
        for record in records:
            self._in_flight.discard(record.key)
            queue.let_go(record.key)
        if not queue.ready and not queue.deferred:
            self._queues.pop(audience, None)

    def put_back(self, records: Iterable[QueuedRecord]) -> Sequence[QueuedRecord]:
        """Let records that were in flight wait again, each at its place.

        Returns the changes that a later one of the same member has overtaken meanwhile.
        """
        overtaken: list[QueuedRecord] = []
        for record in records:
            queue = self._queues.setdefault(record.audience, _Queue())
            self._in_flight.discard(record.key)
            queue.let_go(record.key)
            later = queue.ready.get(record.key)
            if later is not None and later.offset >= record.offset:
                overtaken += [record] if later.offset > record.offset else []
                continue
            earlier = queue.put(record)
            self._account(added=(record,), removed=() if earlier is None else (earlier,))
            overtaken += [] if earlier is None else [earlier]
        return overtaken

    def waiting(self, audience: str) -> int:
        """How many records of this audience wait."""
        queue = self._queues.get(audience, _Queue())
        return len(queue.ready) + len(queue.deferred)

    def has(self, audience: str) -> bool:
        """Whether any record of this audience waits or is in flight."""
        if self.waiting(audience):
            return True
        return any(audience_of(key) == audience for key in self._in_flight)

    def drop(self, audience: str) -> Sequence[QueuedRecord]:
        """Let go of what waits of an audience, and return it; what is in flight stays so."""
        queue = self._queues.pop(audience, _Queue())
        dropped = [*queue.ready.values(), *queue.deferred.values()]
        self._account(added=(), removed=dropped)
        return dropped

    def shrink(self, body_bytes: int) -> None:
        """Remember that the partner takes no body of this size, and take half of it at most."""
        smaller = max(body_bytes // 2, self._limits.overhead_bytes + 1)
        self._limits = replace(self._limits, max_bytes=min(self._limits.max_bytes, smaller))

    def clear(self) -> None:
        """Let go of everything, also of what is known of members in flight.

        A remembered byte limit goes, too: whoever mends what blocked the lane may mend that.
        """
        self._limits = self._configured
        self._queues.clear()
        self._in_flight.clear()
        self._bytes = self._count = 0

    def _taken(self, audience: str, records: list[QueuedRecord], reason: FlushReason) -> Batch:
        self._in_flight.update(record.key for record in records)
        self._account(added=(), removed=records)
        return Batch(audience, records, reason)

    def _due(self, queue: _Queue, now: float) -> FlushReason | None:
        if len(queue.ready) >= self._limits.max_records:
            return "records"
        if queue.ready_bytes + self._limits.overhead_bytes >= self._limits.max_bytes:
            return "bytes"
        if now >= queue.oldest().admitted_at + self._limits.linger:
            return "linger"
        return None

    def _account(self, *, added: Iterable[QueuedRecord], removed: Iterable[QueuedRecord]) -> None:
        for record in added:
            self._bytes += len(record.key) + len(record.value) + RECORD_OVERHEAD_BYTES
            self._count += 1
        for record in removed:
            self._bytes -= len(record.key) + len(record.value) + RECORD_OVERHEAD_BYTES
            self._count -= 1


def _size(waiting: QueuedRecord) -> int:
    return len(waiting.value) + SEPARATOR_BYTES
