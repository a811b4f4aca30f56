"""What became of what jobs took: an outcome, still pending, or forgotten."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.domain.job import Job, Outcome, Tally


class Place(NamedTuple):
    """Where a message stands in the topic of jobs."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSums:
    """Records that the jobs of one lane took, and how they ended. A repeat counts again."""

    handed_over: int = 0
    applied: int = 0
    invalid: int = 0
    failed: int = 0
    unknown: int = 0
    pending: int = 0
    unfollowed: Sequence[str] = ()
    """Jobs that were settled without an outcome."""
    orphaned: Sequence[str] = ()
    """Jobs that have an outcome, and no message in the topic of jobs."""


@dataclass(slots=True)
class _Known:
    lane: str
    records: int
    place: Place | None
    """Its last message; None for one that was never followed."""
    is_placed: bool = False


@dataclass(slots=True)
class _Lane:
    ends: Counter[str] = field(default_factory=Counter)
    unfollowed: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)


class JobEnds:
    """Puts jobs and outcomes together, in whatever order they come.

    A carried over job has several messages and is one; while its last one is not settled, it is
    pending. To be exact, `polled` (where the group goes on, by partition; None where it has not
    begun) is asked for before the jobs are read, and these before the outcomes. Memory: some 500
    bytes a job.
    """

    def __init__(self, polled: Mapping[int, int | None]) -> None:
        self._polled = polled
        self._jobs: dict[str, _Known] = {}
        self._ends: dict[str, tuple[str, Tally]] = {}
        self._refused: set[Place] = set()

    def job(self, lane: str, job: Job, place: Place) -> Sequence[range]:
        """Take note of a message; returns the offsets that it says for the first time.

        Raises:
            UnreadableJob: what it says of its offsets contradicts itself.
        """
        known = self._jobs.setdefault(job.job_id, _Known(lane, job.records, place))
        if known.place is None or place > known.place:
            known.place = place
        return self._placed(known, job)

    def outcome(self, lane: str, outcome: Outcome) -> Sequence[range]:
        """Take note of an end; as `job` for one that has no message of its own."""
        job = outcome.job
        self._ends[job.job_id] = lane, outcome.tally
        if not outcome.is_untracked:
            return ()
        known = self._jobs.setdefault(job.job_id, _Known(lane, job.records, None))
        return self._placed(known, job)

    def refuse(self, place: Place) -> None:
        """A dead letter names this message: it could not be read, and was not followed."""
        self._refused.add(place)

    def sums(self) -> Mapping[str, JobSums]:
        """By lane."""
        lanes: dict[str, _Lane] = {}
        for job_id, known in self._jobs.items():
            lane = lanes.setdefault(known.lane, _Lane())
            lane.ends["handed_over"] += known.records
            self._end(lane, job_id, known)
        for job_id, (name, _) in self._ends.items():
            if job_id not in self._jobs:
                lanes.setdefault(name, _Lane()).orphaned.append(job_id)
        return {
            name: JobSums(**lane.ends, unfollowed=lane.unfollowed, orphaned=lane.orphaned)
            for name, lane in lanes.items()
        }

    def _placed(self, known: _Known, job: Job) -> Sequence[range]:
        ranges = None if known.is_placed else job.placed()
        if ranges is None:
            # Said already; or a message of a job that was carried over, whose first one says it.
            return ()
        known.is_placed = True
        return ranges

    def _end(self, lane: _Lane, job_id: str, known: _Known) -> None:
        if job_id in self._ends:
            _, tally = self._ends[job_id]
            lane.ends["applied"] += tally.applied
            lane.ends["invalid"] += tally.invalid
            lane.ends["failed"] += tally.failed
            lane.ends["unknown"] += tally.unknown
        elif known.place in self._refused:
            lane.ends["unknown"] += known.records
        elif known.place is not None and self._is_settled(known.place):
            lane.unfollowed.append(job_id)
        else:
            lane.ends["pending"] += known.records

    def _is_settled(self, place: Place) -> bool:
        polled = self._polled.get(place.partition)
        return polled is not None and place.offset < polled
