"""Decodes the messages of a lane's topic and adds their records to the queue."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from pipeline.domain.lane_record import LaneRecord, OtherVersion, audience_of, decode_record
from pipeline.domain.reasons import Rejected
from pipeline.domain.send_result import Blocked
from pipeline.stages.ports import Record
from pipeline.stages.raised import place_of
from pipeline.stages.upload.batching import LaneQueue, Limits, QueuedRecord
from pipeline.stages.upload.offsets import LaneOffsets
from pipeline.stages.upload.paused_audiences import PausedAudiences

Misfit = Callable[[str, bytes], str | None]
"""Says why a partner can make no request for an audience and route; None when it can."""

KNOWN_ROUTES = 10_000
"""For so many pairs of audience and route the partner's package is asked only once."""


def read_record(
    record: Record, *, limits: Limits, misfit: Misfit, now: float
) -> QueuedRecord | Rejected | OtherVersion:
    """Decode a record for the queue, or say why that is not possible.

    `limits` come from the configuration: a limit learnt from a 413 is a guess, and a guess is no
    reason to give a record up.
    """
    match decode_record(record.key, record.headers):
        case LaneRecord() as read:
            return _queued(record, read, limits, misfit, now)
        case OtherVersion() as other:
            return other
        case unreadable:
            return Rejected("malformed", unreadable.why)


def _queued(
    record: Record, read: LaneRecord, limits: Limits, misfit: Misfit, now: float
) -> QueuedRecord | Rejected:
    key, value = record.key, record.value
    if key is None or not value:
        return Rejected("malformed", "a lane record needs a key and a value")
    if (why := misfit(read.audience, read.route)) is not None:
        return Rejected("malformed", why)
    if len(value) + limits.overhead_bytes > limits.max_bytes:
        return Rejected("record_too_large", "one record is over batch.max_bytes")
    return QueuedRecord(
        key,
        value,
        record.offset,
        read.audience,
        read.action,
        read.changed_at_ms,
        read.route,
        now,
    )


class Intake:
    """Adds the records of one lane to its queue.

    A record of another version of this program is not faulty, and later records must not overtake
    it. So the intake takes nothing more in, and the lane is blocked once all earlier records have
    been sent. The version that wrote the record can send it.
    """

    def __init__(
        self,
        *,
        queue: LaneQueue,
        offsets: LaneOffsets,
        paused: PausedAudiences,
        limits: Limits,
        misfit: Misfit,
        clock: Callable[[], float],
        superseded: Callable[[Sequence[QueuedRecord]], None],
    ) -> None:
        self._queue = queue
        self._offsets = offsets
        self._paused = paused
        self._limits = limits
        self._misfit = lru_cache(KNOWN_ROUTES)(misfit)
        self._clock = clock
        self._superseded = superseded
        self.blocked: Blocked | None = None
        """Why nothing more is taken in."""

    def admit(self, records: Sequence[Record]) -> Sequence[tuple[Record, Rejected]]:
        """Take in records from the lane's reader; return the records that cannot be sent at all.

        Records of a paused audience do not wait: they count as settled, and a replay sends them.
        """
        fresh = self._offsets.take_in(records)
        if self._paused:
            fresh = [record for record in fresh if not self._passes_by(record)]
            self._offsets.report()
        return self.let_wait(fresh)

    def let_wait(self, records: Sequence[Record]) -> Sequence[tuple[Record, Rejected]]:
        """Add open records of audiences that are not paused; return those that cannot be sent."""
        unusable: list[tuple[Record, Rejected]] = []
        superseded: list[QueuedRecord] = []
        now = self._clock()
        for record in records:
            read = self._read(record, now)
            if isinstance(read, Blocked):
                self.blocked = read
                break
            if isinstance(read, Rejected):
                unusable.append((record, read))
                continue
            earlier = self._queue.add(read)
            if earlier is not None and earlier.offset != record.offset:
                superseded.append(earlier)
        self._superseded(superseded)
        return unusable

    def take_back(self, records: Sequence[QueuedRecord]) -> None:
        """Put records of one audience back into the queue after their delivery was stopped."""
        audience = records[0].audience
        if self._paused.keeps(audience):
            for record in records:
                self._offsets.pass_by(record)
        if self._paused.is_paused(audience):
            # The replay after the pause sends them with the other records of the audience.
            self._queue.settled(records, audience)
        else:
            self._superseded(self._queue.put_back(records))

    def begin_again(self) -> None:
        """Take in records again: a person may have repaired the cause of the block."""
        self.blocked = None

    def _passes_by(self, record: Record) -> bool:
        is_paused = self._paused.keeps(audience_of(record.key))
        if is_paused:
            self._offsets.pass_by(record)
        return is_paused

    def _read(self, record: Record, now: float) -> QueuedRecord | Rejected | Blocked:
        try:
            read = read_record(record, limits=self._limits, misfit=self._misfit, now=now)
        except Exception as error:  # noqa: BLE001 - a partner's package blocks its own lane only
            return Blocked("internal", f"offset {record.offset}: {place_of(error)}")
        if not isinstance(read, OtherVersion):
            return read
        return Blocked(
            "unknown_version",
            f"version {read.version} of the format wrote the record at offset {record.offset}: "
            "run the release that wrote it until the lane is empty, or one that reads it",
        )
