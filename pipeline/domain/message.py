"""What we write to Kafka for others to read: every message says its format version."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.domain.reasons import RejectedReason

FORMAT = b"2"
"""The version of dead letters."""

Headers = Sequence[tuple[str, bytes]]
StageName = Literal["ingest", "upload", "poll", "snapshot"]


class Message(NamedTuple):
    """One message and the topic it is for; the partition follows from the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        return f"<Message for {self.topic}>"


class Origin(NamedTuple):
    """Where a message was read."""

    topic: str
    partition: int
    offset: int


LARGEST_RECORD_BYTES = 999_500
"""Of key, value and headers of a message that any broker takes.

The smallest default of `max.message.bytes` is 1,000,012 bytes, of a batch with what frames it.
"""
LARGEST_LETTER_BYTES = 900_000
"""Of key and value of a dead letter, unless its topic takes less."""
LETTER_HEADER_BYTES = 3_000
"""The headers of a dead letter are always smaller together."""
BEGINNING_BYTES = 10_000
DETAIL_BYTES = 2_000
QUOTED_CHARACTERS = 500


def dead_letter(
    topic: str,
    *,
    stage: StageName,
    reason: RejectedReason,
    detail: str,
    origin: Origin,
    key: bytes | None,
    value: bytes | None,
    written_at_ms: int,
    payload: Literal["original", "reference"],
    quoted: str = "",
    largest: int = LARGEST_LETTER_BYTES,
) -> Message:
    """What could not be carried, with why and where from.

    With `reference` only the place is kept, and nothing that is `quoted` from the message. Key and
    value of more than `largest` bytes are cut to their beginning, and the letter says so; the
    place in its headers leads to the whole. A detail that is no valid text is written as far as it
    is one: a dead letter must never be what stops a stage.
    """
    kept: Literal["original", "reference", "beginning"] = payload
    if payload == "reference":
        key, value = None, f"{origin.topic}/{origin.partition}/{origin.offset}".encode()
    elif len(key or b"") + len(value or b"") > largest:
        kept = "beginning"
        key, value = _beginnings(key, value, largest)
    headers = (
        ("format", FORMAT),
        ("stage", stage.encode()),
        ("reason", reason.encode()),
        ("detail", _detail(detail, "" if payload == "reference" else quoted)),
        ("topic", origin.topic.encode()),
        ("partition", b"%d" % origin.partition),
        ("offset", b"%d" % origin.offset),
        ("at", b"%d" % written_at_ms),
        ("payload", kept.encode()),
    )
    return Message(topic, key, value, headers)


def _beginnings(
    key: bytes | None, value: bytes | None, largest: int
) -> tuple[bytes | None, bytes | None]:
    beginning = min(BEGINNING_BYTES, largest // 2)
    return key and key[:beginning], value and value[:beginning]


def _detail(detail: str, quoted: str) -> bytes:
    """Valid UTF-8 of a bounded size."""
    text = f"{detail}: {quoted[:QUOTED_CHARACTERS]}" if quoted else detail
    written = text[:DETAIL_BYTES].encode(errors="replace")[:DETAIL_BYTES]
    return written.decode(errors="ignore").encode()
