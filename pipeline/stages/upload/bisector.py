"""Finds the poison records of a batch by halving it. Decides; sends nothing."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.reasons import RejectedReason
from pipeline.domain.send_result import Refused, TooLarge
from pipeline.stages.upload.batching import Batch, QueuedRecord
from pipeline.stages.upload.poison_record import FailingRecord
from pipeline.stages.upload.tally import Tally

GUARDED_BATCH = 100
"""A batch of this size or larger is hopeless if more than a tenth of it is poison."""
HOPELESS_RUN = 10
"""A batch is also hopeless after so many refused records with nothing accepted in between."""


@dataclass(frozen=True, slots=True)
class PoisonRecord:
    """A record that the partner will not take."""

    record: QueuedRecord
    reason: RejectedReason
    detail: str
    said: str = ""
    """The partner's own words, which may quote the record."""


class Bisector:
    """Says which part of a batch is sent next, until each record is accepted or stands alone.

    Every part must be sent anyway, so the order costs nothing. Both halves are tried before
    either is halved again. So if ten records were refused alone and nothing was accepted, each
    half that led to them has a poison record. A few poison records, wherever they are, never look
    hopeless; one among n costs at most 2 * ceil(log2 n) requests more.

    A part that fails again and again is halved as if it were refused: after an outage, a batch
    of n is in 2 * log2 n parts at most. A record that fails alone proves nothing yet. It is sent
    again and again, until it is accepted or known to be poison. While nothing of the lane is
    accepted, only this record is sent, or an outage would split the whole batch. Otherwise it is
    sent after all other parts.

    Small batches are judged together: the tally counts the refused records of the lane, and of
    each audience, since anything was accepted. A batch is doubted if its audience is refused. Its
    refusals prove nothing until something is accepted; then the refused records are sent once more.
    """

    def __init__(self, batch: Batch, *, tally: Tally, is_doubted: bool) -> None:
        self._audience = batch.audience
        self._size = len(batch.records)
        self._tally = tally
        self._is_doubted = is_doubted
        self._due = _first_parts(batch)
        self._refused: list[Sequence[QueuedRecord]] = []
        self._failing: deque[FailingRecord] = deque()
        self._accepted = 0
        self._accepted_then = 0
        """How many requests of the lane had been accepted when a record last failed alone."""
        self.failing: FailingRecord | None = None
        """The part that was taken last, if it is a record that failed alone before."""
        self.poison: list[PoisonRecord] = []
        self.is_hopeless = False
        """Whether so much is refused that the records cannot be the cause."""

    def take(self) -> Sequence[QueuedRecord] | None:
        """Return the part to send next; None when the batch is done or hopeless."""
        self.failing = None
        self.is_hopeless = self._is_hopeless()
        if self.is_hopeless:
            return None
        if self._failing and not self._tally.accepted > self._accepted_then:
            return self._take_failing()
        if not self._due and self._refused:
            self._due = _halves(self._refused.pop())
        elif not self._due and self._is_doubted:
            self._due, self.poison = [[one.record] for one in self.poison], []
            self._is_doubted = False
        if self._due:
            return self._due.pop()
        return self._take_failing()

    def accepted(self) -> None:
        """Note that the part was accepted."""
        self._accepted += 1

    def refused(self, part: Sequence[QueuedRecord], answer: Refused | TooLarge) -> None:
        """Note that the part was refused: halve it later, or call its only record poison."""
        if len(part) > 1:
            self._refused.append(part)
        elif isinstance(answer, TooLarge):
            self._give_up(part[0], "record_too_large", "over the partner's limit")
        else:
            self._give_up(part[0], "refused", "the partner refused it", answer.detail)

    def failed(self, part: Sequence[QueuedRecord], detail: str) -> None:
        """Note that the part failed too often: halve it later, or send its only record again."""
        if len(part) > 1:
            self._refused.append(part)
            return
        failing = self.failing or FailingRecord(part[0], self._tally)
        failing.has_failed()
        self._accepted_then = self._tally.accepted
        if failing.is_poison:
            self._give_up(part[0], "refused", "the partner fails on this record alone", detail)
        else:
            self._failing.append(failing)

    def _give_up(
        self, record: QueuedRecord, reason: RejectedReason, detail: str, said: str = ""
    ) -> None:
        self.poison.append(PoisonRecord(record, reason, detail, said))

    def _take_failing(self) -> Sequence[QueuedRecord] | None:
        if not self._failing:
            return None
        self.failing = self._failing.popleft()
        return [self.failing.record]

    def _is_hopeless(self) -> bool:
        poison = len(self.poison)
        if self._size >= GUARDED_BATCH and poison * 10 > self._size:
            return True
        if self._accepted or not poison:
            return False
        if self._is_doubted:
            return poison >= min(self._size, HOPELESS_RUN)
        return poison + self._tally.refused_in_a_row(self._audience) >= HOPELESS_RUN


def _first_parts(batch: Batch) -> list[Sequence[QueuedRecord]]:
    """Return the parts to begin with, the next one last. A probe begins with one record."""
    if batch.reason != "probe" or len(batch.records) == 1:
        return [batch.records]
    return [batch.records[1:], batch.records[:1]]


def _halves(part: Sequence[QueuedRecord]) -> list[Sequence[QueuedRecord]]:
    middle = len(part) // 2
    return [part[middle:], part[:middle]]
