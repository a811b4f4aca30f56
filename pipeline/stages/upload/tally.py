"""Counts how the requests of one lane ended, to tell a bad body from a bad partner."""

from collections import Counter
from dataclasses import dataclass, field

UNTRACKED_IN_A_ROW = 5
"""After so many answers in a row without a job, such an answer is no acceptance any more."""


@dataclass(slots=True)
class Tally:
    """Counts of the requests of a lane since it was taken over."""

    accepted: int = 0
    first_accepted: int = 0
    """Bodies that were accepted when they were sent for the first time."""
    first_failed: int = 0
    """Bodies that failed (not sent, or in doubt) when they were sent for the first time."""
    refused: int = 0
    """Records refused since anything was accepted."""
    refused_of: Counter[str] = field(default_factory=Counter)
    """Records refused of each audience since anything of it was accepted."""
    untracked_in_a_row: int = 0
    """Answers without a job since the last answer with a job."""
    gave_jobs: bool = False
    """Whether any acceptance came with a job."""

    @property
    def trusts_untracked(self) -> bool:
        """Whether an answer without a job is an acceptance, because other requests get jobs."""
        return self.gave_jobs and self.untracked_in_a_row < UNTRACKED_IN_A_ROW

    def refused_in_a_row(self, audience: str) -> int:
        """Return how many records were refused in a row, of the lane or of this audience."""
        return max(self.refused, self.refused_of[audience])

    def was_accepted(self, audience: str, *, is_first: bool) -> None:
        """Count an accepted request; `is_first`: its body had never been sent before."""
        self.accepted += 1
        self.first_accepted += is_first
        self.refused = 0
        self.refused_of.pop(audience, None)

    def was_answered(self, *, with_job: bool) -> None:
        """Note a successful answer, with or without a job; it may not be the partner's."""
        self.gave_jobs = self.gave_jobs or with_job
        self.untracked_in_a_row = 0 if with_job else self.untracked_in_a_row + 1

    def has_failed(self, *, is_first: bool) -> None:
        """Count a request that was not sent or is in doubt; `is_first`: as in `was_accepted`."""
        self.first_failed += is_first

    def was_refused(self, audience: str, records: int) -> None:
        """Count records that were sent alone and refused."""
        self.refused += records
        self.refused_of[audience] += records
