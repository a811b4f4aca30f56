"""Tells a record on which the partner fails from a partner that fails."""

from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.tally import Tally

PATIENCE = 5
"""Failures of one body, for whatever reason, after which it is halved or steps aside."""
BY_CHANCE = 1e-9
"""A record is given up only when its failures are less likely than this to be chance."""


class FailingRecord:
    """One record that stands alone and failed again and again.

    Only while others pass is that its own fault, so only those failures count between which
    another request of the lane was accepted. And the partner may fail often: from how many other
    bodies failed when they were first sent follows how likely it is that it failed this one so
    many times in a row, by chance. The attempts of other failing records are no evidence, so any
    number of them at once are found.
    """

    def __init__(self, record: QueuedRecord, tally: Tally) -> None:
        self.record = record
        self._tally = tally
        self._first_accepted = tally.first_accepted
        self._first_failed = tally.first_failed
        self._accepted = tally.accepted
        self._counted = 0
        self._alone = 0

    @property
    def failures_alone(self) -> int:
        """Failures since another request passed: the more, the longer the next pause."""
        return self._alone

    @property
    def is_poison(self) -> bool:
        """Whether the record is to blame, and not the partner."""
        passed = self._tally.first_accepted - self._first_accepted
        failed = self._tally.first_failed - self._first_failed
        share = (failed + 1) / (passed + failed + 2)  # of others, by the rule of succession
        return passed > 0 and share**self._counted < BY_CHANCE

    def has_failed(self) -> None:
        """It failed once more."""
        if self._tally.accepted > self._accepted:
            self._accepted = self._tally.accepted
            self._counted += 1
            self._alone = 0
        self._alone += 1
