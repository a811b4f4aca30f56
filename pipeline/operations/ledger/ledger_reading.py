"""Reads the topics for the ledger, in the order that makes the ledger exact for one instant."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from pipeline.domain.job import UnreadableJob, decode_job, decode_outcome
from pipeline.domain.message import Origin
from pipeline.domain.names import Names
from pipeline.kafka.coordinator import Committed
from pipeline.kafka.offset_resolver import read_metadata
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader
from pipeline.operations.ledger.accounting import Ledger, Letter
from pipeline.operations.ledger.job_ends import Place
from pipeline.operations.ledger.lane_records import LaneView
from pipeline.operations.ledger.paused import NONE_PAUSED, PausedSince
from pipeline.operations.ledger.statement import LetterKind, Statement

Positions = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerTopics:
    """The topics to read, and the groups whose offsets are needed."""

    lanes: Mapping[str, str]
    """The topic of each lane."""
    jobs: str
    outcomes: str
    dead_letters: str
    upload_group: str
    poll_group: str


def ledger_topics(names: Names, lanes: Mapping[str, str]) -> LedgerTopics:
    """The topics and groups that the ledger of these lanes needs; `lanes`: topic by lane."""
    return LedgerTopics(
        lanes=lanes,
        jobs=names.jobs,
        outcomes=names.outcomes,
        dead_letters=names.dead_letters,
        upload_group=names.group("upload"),
        poll_group=names.group("poll"),
    )


@dataclass(frozen=True, slots=True)
class Told:
    """The ledger, and the number of our messages that this version could not read."""

    statement: Statement
    unreadable: int


async def read_ledger(reader: TopicReader, topics: LedgerTopics, since_ms: int) -> Told:
    """The ledger of all records that reached the lanes at or after this time, or that wait.

    The order of reading is that of `operations/ledger/accounting.py`. Jobs, outcomes and letters
    are read whole, because they are few. Lanes are read one after another, each once and only its
    keys, so that memory holds one fetch of one lane.

    Raises:
        TopicMissing: the topic of jobs, of outcomes or of dead letters does not exist.
    """
    lanes = reader.partitions(*topics.lanes.values())
    jobs = reader.partitions(topics.jobs)
    reader.partitions(topics.outcomes, topics.dead_letters)
    oldest = await reader.oldest(lanes)
    committed = await reader.committed(topics.upload_group, lanes)
    settled = offsets(committed)
    polled = offsets(await reader.committed(topics.poll_group, jobs))
    starts = _starts(oldest, await reader.since(lanes, since_ms), settled)
    ends = await reader.ends(starts)
    ledger = Ledger(
        {
            lane: LaneView(
                starts[tp], settled.get(tp, oldest[tp]), ends[tp], paused(committed.get(tp))
            )
            for lane, topic in topics.lanes.items()
            for tp in [TopicPartition(topic, 0)]
        },
        lane_topics={topic: lane for lane, topic in topics.lanes.items()},
        jobs_topic=topics.jobs,
        polled={tp.partition: polled.get(tp) for tp in jobs},
    )
    entry = _Entry(ledger)
    await read_whole(reader, topics.jobs, entry.job)
    await read_whole(reader, topics.outcomes, entry.outcome)
    await read_whole(reader, topics.dead_letters, entry.letter)
    for lane, topic in topics.lanes.items():
        tp = TopicPartition(topic, 0)
        await reader.read({tp: starts[tp]}, {tp: ends[tp]}, entry.record_of(lane))
    return Told(ledger.statement(), entry.unreadable)


class _Entry:
    """Decodes the messages of each topic and passes them to the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.unreadable = 0

    def job(self, record: PlacedRecord) -> None:
        try:
            self._ledger.job(decode_job(record.value), Place(record.partition, record.offset))
        except UnreadableJob:
            self.unreadable += 1

    def outcome(self, record: PlacedRecord) -> None:
        try:
            self._ledger.outcome(decode_outcome(record.value))
        except UnreadableJob:
            self.unreadable += 1

    def letter(self, record: PlacedRecord) -> None:
        said = {name: value.decode(errors="replace") for name, value in record.headers}
        place = said.get("partition", ""), said.get("offset", "")
        if not all(number.isdecimal() and len(number) <= 19 for number in place):
            self.unreadable += 1
            return
        partition, offset = map(int, place)
        kind = LetterKind(said.get("stage", ""), said.get("reason", ""))
        self._ledger.letter(Letter(kind, Origin(said.get("topic", ""), partition, offset)))

    def record_of(self, lane: str) -> Callable[[PlacedRecord], None]:
        return lambda record: self._ledger.record(lane, record.offset, record.key)


def offsets(committed: Mapping[TopicPartition, Committed]) -> Positions:
    """The committed offsets of a group, without their metadata."""
    return {tp: one.offset for tp, one in committed.items()}


def paused(committed: Committed | None) -> PausedSince:
    """The paused audiences that a commit of upload names.

    A commit without metadata (for example of a tool that rewound the group) pauses none: the next
    owner reads the paused audiences from the oldest record, and its first commit says so.
    """
    said = None if committed is None else read_metadata(committed.metadata)
    return NONE_PAUSED if said is None else PausedSince(said.paused, said.others_paused)


def _starts(oldest: Positions, since: Positions, settled: Positions) -> Positions:
    """The offsets to begin at: those of the given time, or of older records that still wait.

    A lane without records since that time has no offset for it.
    """
    starts: dict[TopicPartition, int] = {}
    for tp, first in oldest.items():
        waits = settled.get(tp, first)
        starts[tp] = max(first, min(waits, since.get(tp, waits)))
    return starts


async def read_whole(reader: TopicReader, topic: str, take: Callable[[PlacedRecord], None]) -> None:
    """Pass every message of a topic to `take`."""
    starts = await reader.oldest(reader.partitions(topic))
    await reader.read(starts, await reader.ends(starts), take)
