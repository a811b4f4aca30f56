"""Finds the end of each change of one member of one audience, in the order of its lane."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

from pipeline.domain.job import Job, Outcome

End: TypeAlias = Literal["accepted", "dead-lettered", "superseded", "waiting", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEnd:
    """One change and its end, without the member's id."""

    offset: int
    changed_at_ms: int | None
    end: End
    detail: str
    """The job and how it ended, the reason of the dead letter, or the later change."""


class MemberChanges:
    """Takes the member's records in order, then jobs, outcomes and letters of the lane in any."""

    def __init__(self, settled: int, paused_since: int | None = None) -> None:
        """`settled` is upload's committed offset; `paused_since` the first paused one, or None."""
        self._settled = settled
        self._paused_since = math.inf if paused_since is None else paused_since
        self._changes: dict[int, int | None] = {}
        self._jobs: defaultdict[int, dict[str, None]] = defaultdict(dict)
        self._states: dict[str, str] = {}
        self._invalid: dict[str, str] = {}
        self._letters: dict[int, str] = {}

    def change(self, offset: int, changed_at_ms: int | None) -> None:
        """Take a record of the member; call this for all records before any job."""
        self._changes[offset] = changed_at_ms

    def job(self, job: Job) -> None:
        """Take a job of the lane.

        Raises:
            UnreadableJob: its offsets contradict its number of records.
        """
        # Later messages of a job that was carried over name no offsets; only the first one does.
        ranges = job.placed() or ()
        for offset in self._changes:
            if any(offset in one for one in ranges):
                self._jobs[offset][job.job_id] = None

    def outcome(self, outcome: Outcome) -> None:
        """Take an outcome of the lane; raises as `job`."""
        self._states[outcome.job.job_id] = outcome.state
        if outcome.is_untracked:
            self.job(outcome.job)

    def letter(self, offset: int, reason: str, detail: str) -> None:
        """Take a dead letter of upload for a record of the lane."""
        self._letters[offset] = f"{reason}: {detail}"

    def invalid(self, job_id: str, detail: str) -> None:
        """Take a dead letter of poll: in this job, the partner called the record invalid."""
        self._invalid[job_id] = detail

    def told(self) -> Sequence[ChangeEnd]:
        """Every change with its end, oldest first."""
        following = dict(pairwise(self._changes))
        return [
            ChangeEnd(offset=offset, changed_at_ms=at, end=end, detail=detail)
            for offset, at in self._changes.items()
            for end, detail in [self._end(offset, following.get(offset))]
        ]

    def _end(self, offset: int, overtaken_by: int | None) -> tuple[End, str]:
        if offset in self._jobs:
            return "accepted", "; ".join(map(self._job_end, self._jobs[offset]))
        if offset in self._letters:
            return "dead-lettered", self._letters[offset]
        if offset >= self._settled:
            return "waiting", "upload has not sent it, or waits for an answer"
        if offset >= self._paused_since:
            return "waiting", "its audience is paused, or was resumed and still has older records"
        if overtaken_by is not None:
            return "superseded", f"by the change at offset {overtaken_by}"
        return "lost", "settled without a job, a dead letter or a later change"

    def _job_end(self, job_id: str) -> str:
        if job_id in self._invalid:
            return f"invalid: {self._invalid[job_id]}"
        return f"job {job_id}: {self._states.get(job_id, 'PENDING')}"
