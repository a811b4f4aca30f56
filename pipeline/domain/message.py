"""What we write to Kafka for others to read: every message says its format version."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipeline.domain.reasons import RejectedReason

FORMAT = b"2"
"""The version of dead letters."""

Headers = Sequence[tuple[str, bytes]]
StageName = Literal["ingest", "upload", "poll"]


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


LARGEST_LETTER_BYTES = 900_000
"""Of key and value of a dead letter: brokers refuse more than a megabyte unless told otherwise."""
BEGINNING_BYTES = 10_000


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
) -> Message:
    """What could not be carried, with why and where from.

    With `reference` only the place is kept. What is too large for the topic is cut to its
    beginning, and says so; a detail that is no valid text is written as far as it is one: a dead
    letter must never be what stops a stage.
    """
    kept: Literal["original", "reference", "beginning"] = payload
    if payload == "reference":
        key, value = None, f"{origin.topic}/{origin.partition}/{origin.offset}".encode()
    elif len(key or b"") + len(value or b"") > LARGEST_LETTER_BYTES:
        kept = "beginning"
        key, value = key and key[:BEGINNING_BYTES], value and value[:BEGINNING_BYTES]
    headers = (
        ("format", FORMAT),
        ("stage", stage.encode()),
        ("reason", reason.encode()),
        ("detail", detail[:2000].encode(errors="replace")),
        ("topic", origin.topic.encode()),
        ("partition", b"%d" % origin.partition),
        ("offset", b"%d" % origin.offset),
        ("at", b"%d" % written_at_ms),
        ("payload", kept.encode()),
    )
    return Message(topic, key, value, headers)
