"""From a message of a lane's topic to a record that waits for its batch, or why it cannot."""

from pipeline.domain.change import Action
from pipeline.domain.lane_record import LaneRecord, OtherVersion, decode_record
from pipeline.domain.reasons import Rejected
from pipeline.stages.ports import Record
from pipeline.stages.upload.batching import Limits, QueuedRecord


def read_queued_record(record: Record, limits: Limits, now: float) -> QueuedRecord | Rejected:
    """The record as it waits, admitted now.

    `limits` are those of the configuration: what was learnt from a 413 is a guess, and no reason
    to give a record up.
    """
    match decode_record(record.key, record.headers):
        case LaneRecord(audience, action, changed_at_ms, route):
            return _queued(record, limits, audience, action, changed_at_ms, route, now)
        case OtherVersion(version):
            return Rejected(
                "unknown_format_version",
                f"version {version} wrote it; run that version, or replay the event from upstream",
            )
        case unreadable:
            return Rejected("malformed", unreadable.why)


def _queued(
    record: Record,
    limits: Limits,
    audience: str,
    action: Action,
    changed_at_ms: int,
    route: bytes,
    now: float,
) -> QueuedRecord | Rejected:
    key, value = record.key, record.value
    if key is None or value is None:
        return Rejected("malformed", "a lane record needs a key and a value")
    if len(value) + limits.overhead_bytes > limits.max_bytes:
        return Rejected("record_too_large", "one record is over batch.max_bytes")
    return QueuedRecord(key, value, record.offset, audience, action, changed_at_ms, route, now)
