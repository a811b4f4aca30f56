"""Tells a record on which the partner fails from a partner that fails."""

from pipeline.stages.upload.batching import QueuedRecord
from pipeline.stages.upload.tally import Tally

PATIENCE = 5
"""A body is halved or steps aside after so many failures, for whatever reason."""
BY_CHANCE = 1e-9
"""A record is given up only when its failures are less likely than this to be chance."""


class FailingRecord:
    """One record that was sent alone and failed again and again.

    The record is to blame only if others pass. So a failure counts only if another request of the
    lane was accepted since the last one that counted. The partner may also fail often: the share
    of other bodies that failed when they were first sent says how likely so many failures in a row
    are by chance. The attempts of other failing records are no evidence, so any number of poison
    records at once are found.
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
        """Failures since another request passed; each makes the next pause longer."""
        return self._alone

    @property
    def is_poison(self) -> bool:
        """Whether the record is to blame, and not the partner."""
        passed = self._tally.first_accepted - self._first_accepted
        failed = self._tally.first_failed - self._first_failed
        share = (failed + 1) / (passed + failed + 2)  # of others, by the rule of succession
        return passed > 0 and share**self._counted < BY_CHANCE

    def has_failed(self) -> None:
        """Note one more failure."""
        if self._tally.accepted > self._accepted:
            self._accepted = self._tally.accepted
            self._counted += 1
            self._alone = 0
        self._alone += 1
