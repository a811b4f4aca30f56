"""A chunk: the records and dead letters of some events, for one transaction."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.message import Message
from pipeline.domain.reasons import IgnoredReason, RejectedReason, WithheldReason
from pipeline.stages.ports import OutgoingRecord, Partition
from pipeline.telemetry.facts import LaneLabel

WORK_BITS = 12
"""4 kB count as much work as one usual record."""


@dataclass(slots=True)
class Counts:
    """The counts of a chunk, reported once it is durable."""

    events: int = 0
    """Events that ended with this chunk."""
    changes: Counter[Action] = field(default_factory=Counter)
    ignored: Counter[IgnoredReason] = field(default_factory=Counter)
    rejected: Counter[RejectedReason] = field(default_factory=Counter)
    letters: Counter[RejectedReason] = field(default_factory=Counter)
    withheld: Counter[tuple[str, WithheldReason]] = field(default_factory=Counter)
    lanes: dict[Partition, LaneLabel] = field(default_factory=dict)
    """The lane of each partition that gets records."""
    oldest_ms: int | None = None


class Chunk:
    """Records and dead letters for one transaction, with their number and size."""

    __slots__ = ("bytes", "counts", "letters", "outgoing", "records", "work")

    def __init__(self) -> None:
        self.work = 0  # since the event loop had its turn, in usual records
        self.empty()

    def empty(self) -> None:
        """Empty the chunk, because all of it is durable."""
        self.outgoing: dict[Partition, list[OutgoingRecord]] = {}
        self.letters: list[Message] = []
        self.records = 0  # outgoing ones and dead letters
        self.bytes = 0
        self.counts = Counts()

    def add(
        self,
        partition: Partition,
        lane: LaneLabel,
        record: OutgoingRecord,
        size: int,
        changed_at_ms: int,
    ) -> None:
        """Add a record of `size` bytes for a partition, which belongs to `lane`."""
        counts, records = self.counts, self.outgoing.get(partition)
        if records is None:
            self.outgoing[partition] = records = []
            counts.lanes[partition] = lane
        records.append(record)
        self.records += 1
        self.bytes += size
        if counts.oldest_ms is None or changed_at_ms < counts.oldest_ms:
            counts.oldest_ms = changed_at_ms

    def end_event(self, changes: Iterable[MembershipChange], work: int) -> None:
        """Note that a whole event is in the chunk; its last part was `work` units of work."""
        counts = self.counts
        counts.events += 1
        for change in changes:
            counts.changes[change.action] += 1
        self.work += work

    def reject(self, reason: RejectedReason, count: int, letter: Message) -> None:
        """Add the dead letter that stands for `count` rejections of one reason."""
        self.counts.rejected[reason] += count
        self.counts.letters[reason] += 1
        self.letters.append(letter)
        self.records += 1
        size = _size(letter)
        self.bytes += size
        self.work += size >> WORK_BITS

    def only_one(self) -> tuple[str, int] | None:
        """Topic and bytes of the only record, or of the largest dead letter if there is no record.

        None where a broker may have refused a record of more than one topic.
        """
        if not self.outgoing:
            return max(((letter.topic, _size(letter)) for letter in self.letters), default=None)
        if self.records > 1:
            return None
        [(partition, [record])] = self.outgoing.items()
        return partition.topic, _size(record)


def _size(message: Message | OutgoingRecord) -> int:
    headers = sum(len(name) + len(value) for name, value in message.headers)
    return len(message.key or b"") + len(message.value or b"") + headers
