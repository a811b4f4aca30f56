"""Messages that others may read from our topics; every message has its format version."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.domain.reasons import RejectedReason

FORMAT = b"2"
"""The version of dead letters."""

Headers = Sequence[tuple[str, bytes]]
StageName = Literal["ingest", "upload", "poll", "snapshot"]


class Message(NamedTuple):
    """One message and its topic; the key decides the partition."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    def __repr__(self) -> str:
        return f"<Message for {self.topic}>"


class Origin(NamedTuple):
    """The place where a message was read."""

    topic: str
    partition: int
    offset: int


LARGEST_RECORD_BYTES = 999_500
"""Most bytes of key, value and headers of a message that any broker accepts.

The smallest default of `max.message.bytes` is 1,000,012 bytes, for a batch with its overhead.
"""
LARGEST_LETTER_BYTES = 900_000
"""Most bytes of key and value of a dead letter, unless its topic allows less."""
LETTER_HEADER_BYTES = 3_000
"""Upper bound for all headers of a dead letter together."""
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
    """Make the dead letter of a message that could not be carried, with the reason and its origin.

    With `reference` the letter keeps only the origin, and no `quoted` text of the message. A key
    and value of more than `largest` bytes are cut to their beginning, and the letter says so; its
    headers name the origin of the whole message. Invalid text in a detail is replaced: a dead
    letter must never stop a stage.
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
    """Return the detail as valid UTF-8 of a bounded size."""
    text = f"{detail}: {quoted[:QUOTED_CHARACTERS]}" if quoted else detail
    written = text[:DETAIL_BYTES].encode(errors="replace")[:DETAIL_BYTES]
    return written.decode(errors="ignore").encode()
