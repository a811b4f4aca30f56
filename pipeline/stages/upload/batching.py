"""The waiting records of one lane, by audience; one change of a member is in flight at a time."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import NamedTuple

from pipeline.domain.change import Action
from pipeline.domain.lane_record import audience_of
from pipeline.telemetry.facts import FlushReason

SEPARATOR_BYTES = 1
RECORD_OVERHEAD_BYTES = 500
"""Memory that Python's objects take around one record, beside its key and value."""


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
    """Data that the partner's package wrote for itself, such as target types."""
    admitted_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper bounds of one request, and how long its first record may wait for others."""

    max_records: int
    max_bytes: int
    """Size of the encoded body, with overhead and separators."""
    linger: float
    overhead_bytes: int


class Batch(NamedTuple):
    """Records of one audience that one delivery sends."""

    audience: str
    records: Sequence[QueuedRecord]
    reason: FlushReason

    def __repr__(self) -> str:
        return f"<Batch of {len(self.records)} for audience {self.audience}>"


@dataclass(slots=True)
class _Queue:
    """The records of one audience; `deferred` ones wait for a change of the same member in flight.

    `places` gives the order: the member that has waited longest comes first, even if deferred.
    """

    ready: dict[bytes, QueuedRecord] = field(default_factory=dict)
    places: list[tuple[float, int, bytes]] = field(default_factory=list)
    deferred: dict[bytes, QueuedRecord] = field(default_factory=dict)
    ready_bytes: int = 0

    def put(self, waiting: QueuedRecord) -> QueuedRecord | None:
        """Add a change; it replaces an earlier change of its member, which is returned.

        The change keeps the earlier place: at the end, a busy member would never be sent.
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
        """Make a deferred change ready, in the order of admission."""
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
        """Take as many of the oldest records as both limits allow, and at least one."""
        taken: list[QueuedRecord] = []
        size = limits.overhead_bytes
        while self.ready and len(taken) < limits.max_records:
            size += _size(self.oldest())
            if taken and size > limits.max_bytes:
                break
            taken.append(self.take_oldest())
        return taken


def weight(records: Iterable[QueuedRecord]) -> int:
    """Return the bytes that records take in memory."""
    return sum(len(one.key) + len(one.value) + RECORD_OVERHEAD_BYTES for one in records)


class LaneQueue:
    """Records that a lane has read and that no delivery has. Decides; sends nothing.

    Linger counts from the first record and not from the last flush, so an audience with few
    records waits once and not for ever.
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
        """Memory of the waiting records, without the records in flight."""
        return self._bytes

    def add(self, waiting: QueuedRecord) -> QueuedRecord | None:
        """Add a change; return the earlier change of the same member that it replaces."""
        queue = self._queues.setdefault(waiting.audience, _Queue())
        is_deferred = waiting.key in self._in_flight
        earlier = queue.defer(waiting) if is_deferred else queue.put(waiting)
        self._account(added=(waiting,), removed=() if earlier is None else (earlier,))
        return earlier

    def take(self, now: float, without: Collection[str] = ()) -> Batch | None:
        """Take the due batch with the oldest record, or None. Its members are then in flight.

        `without`: audiences that get no batch.
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
        """Return the audience whose oldest ready record has the lowest offset; None without any."""
        waiting = [
            (queue.oldest().offset, audience)
            for audience, queue in self._queues.items()
            if queue.ready and audience not in without
        ]
        return min(waiting)[1] if waiting else None

    def take_probe(self, audience: str, most: int) -> Batch | None:
        """Take a few of the oldest records, due or not, to ask whether the partner takes them."""
        queue = self._queues.get(audience)
        if queue is None or not queue.ready:
            return None
        limits = replace(self._limits, max_records=min(most, self._limits.max_records))
        return self._taken(audience, queue.take(limits), "probe")

    def due_in(self, now: float, without: Collection[str] = ()) -> float | None:
        """Return the seconds until the next linger ends; None if no record is ready."""
        heads = [
            queue.oldest().admitted_at
            for audience, queue in self._queues.items()
            if queue.ready and audience not in without
        ]
        return None if not heads else max(0.0, min(heads) + self._limits.linger - now)

    def settled(self, records: Iterable[QueuedRecord], audience: str) -> None:
        """Take records out of flight, so that newer changes of their members may be sent."""
        queue = self._queues.get(audience, _Queue())
        for record in records:
            self._in_flight.discard(record.key)
            queue.let_go(record.key)
        if not queue.ready and not queue.deferred:
            self._queues.pop(audience, None)

    def put_back(self, records: Iterable[QueuedRecord]) -> Sequence[QueuedRecord]:
        """Put records that were in flight back into the queue, each at its place.

        Returns the changes that are not sent because a later change of the same member waits.
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
        """Return how many records of this audience wait."""
        queue = self._queues.get(audience, _Queue())
        return len(queue.ready) + len(queue.deferred)

    def has(self, audience: str) -> bool:
        """Whether any record of this audience waits or is in flight."""
        if self.waiting(audience):
            return True
        return any(audience_of(key) == audience for key in self._in_flight)

    def drop(self, audience: str) -> Sequence[QueuedRecord]:
        """Remove the waiting records of an audience and return them; records in flight stay so."""
        queue = self._queues.pop(audience, _Queue())
        dropped = [*queue.ready.values(), *queue.deferred.values()]
        self._account(added=(), removed=dropped)
        return dropped

    def shrink(self, body_bytes: int) -> None:
        """Remember that the partner takes no body of this size; allow half of it at most."""
        smaller = max(body_bytes // 2, self._limits.overhead_bytes + 1)
        self._limits = replace(self._limits, max_bytes=min(self._limits.max_bytes, smaller))

    def clear(self) -> None:
        """Remove all records, and forget which members are in flight.

        Forget a smaller byte limit, too: the person who repairs the lane may also raise the limit.
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
