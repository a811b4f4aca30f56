"""Finds the bad records of a refused batch by halving it. Decides; sends nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.reasons import RejectedReason
from pipeline.domain.send_result import Refused, TooLarge
from pipeline.stages.upload.batching import Batch, QueuedRecord

GUARDED_BATCH = 100
"""From this size on, a batch of which more than a tenth is refused is hopeless."""
HOPELESS_RUN = 10
"""So many refused records, with nothing accepted in between, make it hopeless as well."""


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that the partner will not take, in its words."""

    record: QueuedRecord
    reason: RejectedReason
    detail: str


class Bisector:
    """Says which part of a batch is sent next, until each record is accepted or stands alone.

    Every part must be sent anyway, so the order costs nothing. Both halves are tried before
    either is halved again: by the time that ten records stand alone with nothing accepted, every
    half on the way to them holds a bad one. A few bad records, wherever they are, never look
    hopeless; one among n costs at most 2 * ceil(log2 n) requests more.

    Small batches are judged together: `in_a_row` are records of the lane that were refused since
    it last had anything accepted. In a batch that is doubted (the lane was stopped for refusals)
    what is refused proves nothing until something is accepted, and then it is asked once more.
    """

    def __init__(self, batch: Batch, *, is_doubted: bool) -> None:
        self._size = len(batch.records)
        self._is_doubted = is_doubted
        self._due = _first_parts(batch)
        self._refused: list[Sequence[QueuedRecord]] = []
        self._accepted = 0
        self.bad: list[Bad] = []
        self.is_hopeless = False
        """Whether so much is refused that it is not the records."""

    def take(self, *, in_a_row: int = 0) -> Sequence[QueuedRecord] | None:
        """The part to send next; None when the batch is done or hopeless."""
        self.is_hopeless = self._is_hopeless(in_a_row)
        if self.is_hopeless:
            return None
        if not self._due and self._refused:
            self._due = _halves(self._refused.pop())
        elif not self._due and self._is_doubted:
            self._due, self.bad = [[one.record] for one in self.bad], []
            self._is_doubted = False
        return self._due.pop() if self._due else None

    def accepted(self) -> None:
        """The part was accepted."""
        self._accepted += 1

    def refused(self, part: Sequence[QueuedRecord], answer: Refused | TooLarge) -> None:
        """The part was refused: it will be halved, or its only record is bad."""
        if len(part) > 1:
            self._refused.append(part)
        elif isinstance(answer, TooLarge):
            self.bad.append(Bad(part[0], "record_too_large", "over the partner's limit"))
        else:
            self.bad.append(Bad(part[0], "refused", answer.detail))

    def _is_hopeless(self, in_a_row: int) -> bool:
        bad = len(self.bad)
        if self._size >= GUARDED_BATCH and bad * 10 > self._size:
            return True
        if self._accepted or not bad:
            return False
        if self._is_doubted:
            return bad >= min(self._size, HOPELESS_RUN)
        return bad + in_a_row >= HOPELESS_RUN


def _first_parts(batch: Batch) -> list[Sequence[QueuedRecord]]:
    """What is last in a list is sent next. A probe begins with one record."""
    if batch.reason != "probe" or len(batch.records) == 1:
        return [batch.records]
    return [batch.records[1:], batch.records[:1]]


def _halves(part: Sequence[QueuedRecord]) -> list[Sequence[QueuedRecord]]:
    middle = len(part) // 2
    return [part[middle:], part[:middle]]
