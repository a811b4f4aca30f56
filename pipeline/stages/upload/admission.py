"""From a message of a lane's topic to a record that waits for its batch, or why it cannot."""

from pipeline.domain.message import FORMAT
from pipeline.domain.pause_request import audience_of
from pipeline.domain.reasons import Rejected
from pipeline.stages.ports import Record
from pipeline.stages.upload.batching import Limits, QueuedRecord


def read_queued_record(record: Record, limits: Limits, now: float) -> QueuedRecord | Rejected:
    """The record as it waits, admitted now.

    `limits` are those of the configuration: what was learnt from a 413 is a guess, and no reason
    to give a record up.
    """
    headers = dict(record.headers)
    if headers.get("format") != FORMAT:
        return Rejected(
            "unknown_format_version",
            "not written by this version's ingest; upgrade, or replay the event from upstream",
        )
    key, value = record.key, record.value
    if key is None or value is None or audience_of(key) is None:
        return Rejected("malformed", "a lane record needs a key audienceId|externalUserId")
    if len(value) + limits.overhead_bytes > limits.max_bytes:
        return Rejected("record_too_large", "one record is over batch.max_bytes")
    changed_at = headers.get("changed_at", b"")
    if not changed_at.isdigit():
        return Rejected("malformed", "a lane record needs its time in the header changed_at")
    return QueuedRecord(key, value, record.offset, int(changed_at), headers.get("target", b""), now)
