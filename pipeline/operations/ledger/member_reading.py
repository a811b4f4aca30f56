"""Reads one member's changes in one lane, and their ends, from the topics."""

from collections.abc import Sequence

from aiokafka import TopicPartition

from pipeline.domain.job import UnreadableJob, decode_job, decode_outcome
from pipeline.domain.lane_record import LaneRecord, decode_record
from pipeline.kafka.topic_reader import PlacedRecord, TopicReader
from pipeline.operations.ledger.accounting import lane_of
from pipeline.operations.ledger.ledger_reading import LedgerTopics, paused, read_whole
from pipeline.operations.ledger.member_changes import ChangeEnd, MemberChanges


async def read_member(
    reader: TopicReader, topics: LedgerTopics, lane: str, key: bytes
) -> Sequence[ChangeEnd]:
    """The changes with this key in the lane, oldest first, each with its end.

    The order of reading makes them exact: upload's committed offset, the records, the jobs, the
    outcomes and dead letters.

    Raises:
        TopicMissing: the lane's topic or one of ours does not exist.
    """
    tps = reader.partitions(topics.lanes[lane])
    oldest = await reader.oldest(tps)
    first = TopicPartition(topics.lanes[lane], 0)
    committed = (await reader.committed(topics.upload_group, tps)).get(first)
    settled = oldest[first] if committed is None else committed.offset
    changes = MemberChanges(settled, paused(committed).since_of(key))
    entry = _Entry(changes, topics.lanes[lane], lane, key)
    for topic, take in (
        (topics.lanes[lane], entry.record),
        (topics.jobs, entry.job),
        (topics.outcomes, entry.outcome),
        (topics.dead_letters, entry.letter),
    ):
        await read_whole(reader, topic, take)
    return entry.changes.told()


class _Entry:
    """Picks the messages about the member; skips messages that this version cannot read."""

    def __init__(self, changes: MemberChanges, topic: str, lane: str, key: bytes) -> None:
        self.changes = changes
        self._topic = topic
        self._lane = lane
        self._key = key

    def record(self, record: PlacedRecord) -> None:
        if record.key == self._key:
            read = decode_record(record.key, record.headers)
            at = read.changed_at_ms if isinstance(read, LaneRecord) else None
            self.changes.change(record.offset, at)

    def job(self, record: PlacedRecord) -> None:
        try:
            job = decode_job(record.value)
            if lane_of(job) == self._lane:
                self.changes.job(job)
        except UnreadableJob:
            return

    def outcome(self, record: PlacedRecord) -> None:
        try:
            outcome = decode_outcome(record.value)
            if lane_of(outcome.job) == self._lane:
                self.changes.outcome(outcome)
        except UnreadableJob:
            return

    def letter(self, record: PlacedRecord) -> None:
        said = {name: value.decode(errors="replace") for name, value in record.headers}
        stage, reason, detail = (said.get(name, "") for name in ("stage", "reason", "detail"))
        offset = said.get("offset", "")
        is_placed = offset.isdecimal() and len(offset) <= 19
        if stage == "upload" and said.get("topic") == self._topic and is_placed:
            self.changes.letter(int(offset), reason, detail)
        elif (stage, reason) == ("poll", "invalid") and record.key == self._key:
            self._invalid(record, detail)

    def _invalid(self, record: PlacedRecord, detail: str) -> None:
        try:
            self.changes.invalid(decode_job(record.value).job_id, detail)
        except UnreadableJob:
            return
