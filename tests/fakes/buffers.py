"""The client's buffers in memory: partitions of a broker that can be broken, lost or away."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors

RECORD_BYTES = 100


@dataclass(frozen=True, slots=True)
class BufferedRecord:
    """One record without content."""

    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Log:
    """One partition at the broker."""

    end: int = 0
    """As many records, from offset 0."""
    markers: int = 0
    """Offsets behind the last record that hold none."""
    corrupt: int | None = None
    """A record of which a byte has changed."""
    oldest: int = 0


@dataclass(slots=True)
class _Fetched:
    start: int
    end: int
    """Behind the last offset of what was fetched."""


@dataclass(slots=True)
class MemoryBuffers:
    """As the client: what was fetched waits until it is taken, paused or not.

    A fetch takes up to `at_once` records of each partition that has a position, is not paused and
    has nothing waiting; it is made by `fetch`, as by an answer of the broker.
    """

    at_once: int = 100
    logs: dict[TopicPartition, Log] = field(default_factory=dict)
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    paused: set[TopicPartition] = field(default_factory=set)
    is_assigned: bool = True
    fetched: dict[TopicPartition, _Fetched] = field(default_factory=dict)
    errors: dict[TopicPartition, kafka_errors.KafkaError] = field(default_factory=dict)
    rounds: int = 0
    _arrivals: list[asyncio.Future[None]] = field(default_factory=list)

    def fetch(self) -> None:
        """One answer of the broker to all that is to be fetched."""
        self.rounds += 1
        came = False
        for tp, log in self.logs.items():
            at = self.positions.get(tp)
            if at is None or tp in self.paused or tp in self.fetched or tp in self.errors:
                continue
            if at < log.oldest or at > log.end + log.markers:
                self.errors[tp] = kafka_errors.OffsetOutOfRangeError({tp: at})
                came = True
            elif at < log.end + log.markers:
                end = at + self.at_once if at + self.at_once < log.end else log.end + log.markers
                self.fetched[tp] = _Fetched(at, end)
                came = True
        if came:
            self._tell()

    def rebalance(self) -> None:
        """A new assignment: nothing is fetched, and nothing has a position."""
        self.fetched.clear()
        self.errors.clear()
        self.positions.clear()
        self.paused.clear()

    def arrival(self) -> asyncio.Future[None]:
        self._arrivals.append(asyncio.get_running_loop().create_future())
        return self._arrivals[-1]

    def waiting(self) -> Sequence[TopicPartition]:
        return [*self.fetched, *self.errors]

    def take(
        self, tp: TopicPartition, most: int, *, singly: bool = False
    ) -> Sequence[BufferedRecord]:
        if not self.is_assigned:
            return ()
        if tp in self.errors:
            raise self.errors.pop(tp)
        if (found := self.fetched.get(tp)) is None:
            return ()
        if found.start != self.positions[tp] or tp in self.paused:
            del self.fetched[tp]
            return ()
        log = self.logs[tp]
        end = min(found.start + most, found.end, log.end)
        if log.corrupt is not None and found.start <= log.corrupt < end:
            del self.fetched[tp]
            if not singly or found.start == log.corrupt:
                raise kafka_errors.CorruptRecordException
            end = log.corrupt
        taken = [BufferedRecord(offset) for offset in range(found.start, max(found.start, end))]
        is_all = end >= min(found.end, log.end)
        self.positions[tp] = found.end if is_all and tp in self.fetched else end
        if is_all:
            self.fetched.pop(tp, None)
        else:
            self.fetched[tp] = _Fetched(end, found.end)
        return taken

    def position(self, tp: TopicPartition) -> int | None:
        return self.positions.get(tp)

    def size(self, tp: TopicPartition) -> int:
        found = self.fetched.get(tp)
        return 0 if found is None else RECORD_BYTES * (found.end - found.start)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.positions[tp] = offset
        self.fetched.pop(tp, None)
        self.errors.pop(tp, None)

    def pause(self, tp: TopicPartition) -> None:
        self.paused.add(tp)

    def resume(self, tp: TopicPartition) -> None:
        self.paused.discard(tp)

    def end(self, tp: TopicPartition) -> int | None:
        return self.logs[tp].end + self.logs[tp].markers

    def answered_ms(self, tp: TopicPartition) -> int | None:
        return self.rounds

    def _tell(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            arrival.set_result(None)
