"""Brokers that hand records out in fetch sessions, and a line to them, for virtual time."""

import asyncio
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.cluster import ClusterMetadata
from aiokafka.protocol.fetch import (
    FetchRequest_v4,
    FetchRequest_v11,
    FetchResponse_v4,
    FetchResponse_v11,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.stages.waiting import until

TURN_SECONDS = 0.002
"""One way of a request."""
HOLDS_SECONDS = 0.5
"""How long a broker waits for records before it answers without any."""
METADATA_SECONDS = 0.03
LATE_SECONDS = 1.0
"""An answer that is slow, or that never comes."""
BATCHES = 2
"""At most so many of a partition in one answer."""
OUT_OF_RANGE, UNKNOWN_PARTITION, NOT_LEADER, UNKNOWN_SESSION, WRONG_EPOCH = 1, 3, 6, 70, 71

Answer = tuple[int, int, bytes]
"""Error, end of the partition and records."""


@dataclass(slots=True)
class Known:
    """What a session remembers of one partition."""

    offset: int
    told_end: int = -1


@dataclass(slots=True)
class Session:
    """A broker's memory of the one consumer, as KIP-227 has it; session 0 is none."""

    number: int = 0
    epoch: int = 1
    known: dict[TopicPartition, Known] = field(default_factory=dict)


@dataclass(slots=True)
class Log:
    """One partition: where it begins and ends, and its batches by base offset."""

    leader: int
    start: int = 0
    end: int = 0
    is_there: bool = True
    batches: list[tuple[int, int, bytes]] = field(default_factory=list)


class FetchCluster:
    """Two brokers that may be away, forget, refuse sessions, and hand their partitions over."""

    def __init__(self, tps: Sequence[TopicPartition], nodes: Sequence[int]) -> None:
        self.logs = {tp: Log(nodes[at % len(nodes)]) for at, tp in enumerate(tps)}
        self.away: set[int] = set()
        self.full: set[int] = set()
        """Brokers without room for another session."""
        self.mishaps: defaultdict[int, list[str]] = defaultdict(list)
        """What comes next: a request that is lost, an answer unheard or slow, an old version."""
        self._sessions: defaultdict[int, Session] = defaultdict(Session)
        self._last_session = 0
        self._changed = asyncio.Event()

    def produce(self, tp: TopicPartition, count: int) -> None:
        log = self.logs[tp]
        if log.is_there:
            log.batches.append((log.end, count, _batch(log.end, count)))
            log.end += count
            self._changed.set()

    def trim(self, tp: TopicPartition) -> None:
        """Let the retention take everything."""
        log = self.logs[tp]
        log.start, log.batches = log.end, []

    def lead(self, tp: TopicPartition, node: int) -> None:
        self.logs[tp].leader = node
        self._changed.set()

    def leave(self, node: int) -> None:
        self.away.add(node)
        self.forget(node)
        self._changed.set()

    def forget(self, node: int) -> None:
        """Evict the session, or restart the broker."""
        self._sessions[node] = Session()

    async def fetch(self, node: int, asked: FetchRequest_v11) -> FetchResponse_v11:
        named = {
            TopicPartition(topic, one[0]): one[2] for topic, many in asked.topics for one in many
        }
        session = self._sessions[node]
        if asked.session_epoch == 0:
            session = self._begun(node, named)
        elif asked.session_id != session.number:
            return FetchResponse_v11(0, UNKNOWN_SESSION, 0, [])
        elif asked.session_epoch != session.epoch:
            return FetchResponse_v11(0, WRONG_EPOCH, 0, [])
        else:
            self._go_on(session, named, asked.forgotten_topics_data)
        found = await self._found(node, {tp: known.offset for tp, known in session.known.items()})
        return FetchResponse_v11(0, 0, session.number, self._news(session, found))

    async def fetch_all(self, node: int, asked: FetchRequest_v4) -> FetchResponse_v4:
        """As brokers do that know no sessions."""
        offsets = {
            TopicPartition(topic, one[0]): one[1] for topic, many in asked.topics for one in many
        }
        topics: defaultdict[str, list[Any]] = defaultdict(list)
        for tp, (code, end, records) in (await self._found(node, offsets)).items():
            topics[tp.topic].append((tp.partition, code, end, end, [], records))
        return FetchResponse_v4(0, list(topics.items()))

    def _begun(self, node: int, named: Mapping[TopicPartition, int]) -> Session:
        known = {tp: Known(offset) for tp, offset in named.items()}
        if node in self.full:
            return Session(known=known)
        self._last_session += 1
        self._sessions[node] = Session(self._last_session, known=known)
        return self._sessions[node]

    def _go_on(
        self,
        session: Session,
        named: Mapping[TopicPartition, int],
        forgotten: Sequence[tuple[str, Sequence[int]]],
    ) -> None:
        session.epoch += 1
        for topic, numbers in forgotten:
            for number in numbers:
                session.known.pop(TopicPartition(topic, number), None)
        for tp, offset in named.items():
            session.known.setdefault(tp, Known(offset)).offset = offset

    async def _found(
        self, node: int, offsets: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Answer]:
        """What there is to answer, as soon as there is anything, or after a while."""
        clock = asyncio.get_running_loop().time
        ends_at = clock() + HOLDS_SECONDS
        while True:
            if node in self.away:
                raise kafka_errors.KafkaConnectionError
            found = {tp: self._answer(node, tp, offset) for tp, offset in offsets.items()}
            if clock() >= ends_at or any(code or records for code, _, records in found.values()):
                return found
            self._changed.clear()
            await until(self._changed, ends_at - clock())

    def _answer(self, node: int, tp: TopicPartition, offset: int) -> Answer:
        log = self.logs[tp]
        if not log.is_there:
            return UNKNOWN_PARTITION, -1, b""
        if log.leader != node:
            return NOT_LEADER, -1, b""
        if not log.start <= offset <= log.end:
            return OUT_OF_RANGE, -1, b""
        behind = [data for base, count, data in log.batches if base + count > offset]
        return 0, log.end, b"".join(behind[:BATCHES])

    def _news(self, session: Session, found: Mapping[TopicPartition, Answer]) -> list[Any]:
        topics: defaultdict[str, list[Any]] = defaultdict(list)
        for tp, (code, end, records) in found.items():
            known = session.known[tp]
            if code or records or end != known.told_end:
                topics[tp.topic].append((tp.partition, code, end, end, 0, [], -1, records))
            known.told_end = -1 if code else end
        return list(topics.items())


class SaidLeaders(ClusterMetadata):  # type: ignore[misc]
    """What the client was told of leaders, which may be otherwise by now."""

    def __init__(self, cluster: FetchCluster) -> None:
        super().__init__()
        self._logs = cluster.logs
        self._said: Mapping[TopicPartition, int] = {}
        self.refresh()

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        return self._said.get(partition)

    def refresh(self) -> None:
        self._said = {tp: log.leader for tp, log in self._logs.items() if log.is_there}
        for listener in self._listeners:
            listener(self)


class FetchLine:
    """What the library's fetcher asks of its client."""

    def __init__(self, cluster: FetchCluster) -> None:
        self._cluster = cluster
        self.cluster = SaidLeaders(cluster)
        self.connect_seconds = 0.0
        self._loop = asyncio.get_running_loop()
        self._metadata_max_age_ms = 30_000
        self._metadata: asyncio.Future[None] | None = None
        self.lookups = 0
        """Questions for leaders."""

    def force_metadata_update(self) -> asyncio.Future[None]:
        if self._metadata is None:
            self.lookups += 1
            self._metadata = self._loop.create_future()
            self._loop.call_later(METADATA_SECONDS, self._refresh)
        return asyncio.shield(self._metadata)

    async def send(self, node: int, request: Any) -> Any:
        await asyncio.sleep(TURN_SECONDS + self.connect_seconds)
        if node in self._cluster.away:
            raise self._broken(kafka_errors.NodeNotReadyError())
        coming = self._cluster.mishaps[node]
        mishap = coming.pop() if coming else None
        version = FetchRequest_v4 if mishap == "old" else FetchRequest_v11
        asked = version.decode(request.build(version).encode())
        if mishap == "lost":
            await asyncio.sleep(LATE_SECONDS)
            raise self._broken(kafka_errors.RequestTimedOutError())
        fetch = self._cluster.fetch_all if mishap == "old" else self._cluster.fetch
        answer = await fetch(node, asked)
        await asyncio.sleep(LATE_SECONDS if mishap == "slow" else 0)
        if mishap == "unheard":
            raise self._broken(kafka_errors.KafkaConnectionError())
        return type(answer).decode(answer.encode())

    def _broken(self, error: Exception) -> Exception:
        self.force_metadata_update()
        return error

    def _refresh(self) -> None:
        waiting, self._metadata = self._metadata, None
        self.cluster.refresh()
        if waiting is not None:
            waiting.set_result(None)


def _batch(base: int, count: int) -> bytes:
    """Records that say their offsets."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 100_000)
    for number in range(count):
        builder.append(number, 0, None, b"%d" % (base + number), [])
    return struct.pack(">q", base) + bytes(builder.build())[8:]
