"""Reads everything that the ledger needs, in the order that makes it exact for one instant."""

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
    """What is read, and whose offsets."""

    lanes: Mapping[str, str]
    """Topic by lane."""
    jobs: str
    outcomes: str
    dead_letters: str
    upload_group: str
    poll_group: str


def ledger_topics(names: Names, lanes: Mapping[str, str]) -> LedgerTopics:
    """What the ledger reads, of these lanes: topics by their names."""
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
    """The ledger, and how many messages of ours this version could not read."""

    statement: Statement
    unreadable: int


async def read_ledger(reader: TopicReader, topics: LedgerTopics, since_ms: int) -> Told:
    """The ledger of what was written to the lanes at or after this time, and of all that waits.

    The order of the questions is that of `operations/ledger/accounting.py`. Jobs, outcomes and
    letters are read whole: they are few. A lane is read once, its values unread; lanes come one by
    one, so that one lane's fetch is all that is in memory of them.

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
    """Enters what is read into the ledger."""

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
    """Where a group goes on, without what it said beside that."""
    return {tp: one.offset for tp, one in committed.items()}


def paused(committed: Committed | None) -> PausedSince:
    """What a commit of upload says of audiences that are paused.

    One that says nothing, as of a tool that rewound the group, keeps nothing back: the next owner
    reads the paused audiences from the oldest record on, and says so with its first commit.
    """
    said = None if committed is None else read_metadata(committed.metadata)
    return NONE_PAUSED if said is None else PausedSince(said.paused, said.others_paused)


def _starts(oldest: Positions, since: Positions, settled: Positions) -> Positions:
    """Where to begin: at the time that was asked for, or at what waits if that is older.

    A lane to which nothing was written since has no offset for the time.
    """
    starts: dict[TopicPartition, int] = {}
    for tp, first in oldest.items():
        waits = settled.get(tp, first)
        starts[tp] = max(first, min(waits, since.get(tp, waits)))
    return starts


async def read_whole(reader: TopicReader, topic: str, take: Callable[[PlacedRecord], None]) -> None:
    """Hand over everything that stands in a topic."""
    starts = await reader.oldest(reader.partitions(topic))
    await reader.read(starts, await reader.ends(starts), take)
