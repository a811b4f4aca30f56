"""How the requests of one lane went, to tell a bad body from a bad partner."""

from collections import Counter
from dataclasses import dataclass, field

UNTRACKED_IN_A_ROW = 5
"""So many acceptances without a job, one after the other, are no acceptances any more."""


@dataclass(slots=True)
class Tally:
    """Requests of a lane since it was taken over."""

    accepted: int = 0
    first_accepted: int = 0
    """Bodies that were accepted when they were sent for the first time."""
    first_failed: int = 0
    """Bodies that failed then: not sent, or in doubt."""
    refused: int = 0
    """Records refused since anything was accepted."""
    refused_of: Counter[str] = field(default_factory=Counter)
    """Of each audience, since anything of it was accepted."""
    untracked_in_a_row: int = 0
    """Answers without a job since one came with a job."""
    gave_jobs: bool = False
    """Whether any acceptance came with a job."""

    @property
    def trusts_untracked(self) -> bool:
        """Whether an acceptance without a job is one: others of the lane get theirs."""
        return self.gave_jobs and self.untracked_in_a_row < UNTRACKED_IN_A_ROW

    def refused_in_a_row(self, audience: str) -> int:
        """Records refused with nothing accepted in between, of the lane or of this audience."""
        return max(self.refused, self.refused_of[audience])

    def was_accepted(self, audience: str, *, is_first: bool) -> None:
        """A request was accepted; `is_first`: its body had never been sent before."""
        self.accepted += 1
        self.first_accepted += is_first
        self.refused = 0
        self.refused_of.pop(audience, None)

    def was_answered(self, *, with_job: bool) -> None:
        """A request was taken, if it was the partner that answered, with or without a job."""
        self.gave_jobs = self.gave_jobs or with_job
        self.untracked_in_a_row = 0 if with_job else self.untracked_in_a_row + 1

    def has_failed(self, *, is_first: bool) -> None:
        """A request was not sent, or left without an answer that says what became of it."""
        self.first_failed += is_first

    def was_refused(self, audience: str, records: int) -> None:
        """So many records stood alone and were refused."""
        self.refused += records
        self.refused_of[audience] += records
