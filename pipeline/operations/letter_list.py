"""Lists dead letters: messages that could not be delivered, with reason and origin."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.configuration.model import Settings
from pipeline.domain.names import Names
from pipeline.kafka.read_back import Stored
from pipeline.operations.cluster_setup import read_since
from pipeline.operations.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterLine:
    """One dead letter; `payload` is empty unless the caller asked for it."""

    at: str
    stage: str
    reason: str
    detail: str
    where: str
    """Position of the original message: topic/partition/offset."""
    partition: int
    offset: int
    payload_kind: str
    """original, reference or beginning."""
    payload: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """The letters to list; None: any."""

    since_ms: int
    limit: int
    stage: str | None = None
    reason: str | None = None
    key: bytes | None = None
    """The key of the original message, as its sender wrote it."""
    with_payload: bool = False

    def takes(self, stored: Stored, letter: LetterLine) -> bool:
        return (
            self.stage in (None, letter.stage)
            and self.reason in (None, letter.reason)
            and self.key in (None, stored.key)
        )


async def list_letters(settings: Settings, wanted: LetterFilter) -> Sequence[LetterLine]:
    """The newest letters that match, oldest first.

    Raises:
        ClusterTrouble: the cluster cannot be reached, or has no such topic.
    """
    newest = Newest(wanted.limit)

    def take(stored: Stored) -> None:
        letter = letter_of(stored, with_payload=wanted.with_payload)
        if wanted.takes(stored, letter):
            newest.add(_at_ms(stored), letter)

    topic = Names(settings.kafka.namespace).dead_letters
    await read_since(settings.kafka, [topic], wanted.since_ms, take)
    return newest.letters()


class Newest:
    """Keeps the newest letters, at most `limit`, so that memory is bounded."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: list[tuple[int, int, int, LetterLine]] = []

    def add(self, at_ms: int, letter: LetterLine) -> None:
        """Add a letter; if there are too many, drop the oldest."""
        # Partition and offset are unique, so letters themselves are never compared.
        entry = (at_ms, letter.partition, letter.offset, letter)
        if len(self._kept) < self._limit:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    def letters(self) -> Sequence[LetterLine]:
        """Oldest first."""
        return [letter for *_, letter in sorted(self._kept)]


def letter_of(stored: Stored, *, with_payload: bool) -> LetterLine:
    """A dead letter from its headers; missing headers become empty fields."""
    origin = "/".join(_text(stored, name) for name in ("topic", "partition", "offset"))
    payload = stored.value.decode(errors="replace") if stored.value is not None else None
    return LetterLine(
        at=moment(_at_ms(stored)),
        stage=_text(stored, "stage"),
        reason=_text(stored, "reason"),
        detail=_text(stored, "detail"),
        where=origin,
        partition=stored.partition,
        offset=stored.offset,
        payload_kind=_text(stored, "payload"),
        payload=payload if with_payload else None,
    )


def _at_ms(stored: Stored) -> int:
    text = _text(stored, "at")
    return int(text) if text.isdecimal() and len(text) <= 15 else stored.timestamp_ms


def _text(stored: Stored, name: str) -> str:
    return stored.headers.get(name, b"").decode(errors="replace")
