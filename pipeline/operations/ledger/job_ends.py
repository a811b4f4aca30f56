"""Counts how the jobs of each lane ended: with an outcome, not yet, or without a trace."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.domain.job import Job, Outcome, Tally


class Place(NamedTuple):
    """The position of a message in the topic of jobs."""

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
    """Jobs that have an outcome, but no message in the topic of jobs."""


@dataclass(slots=True)
class _Known:
    lane: str
    records: int
    place: Place | None
    """The job's last message; None for a job that was never followed."""
    is_placed: bool = False


@dataclass(slots=True)
class _Lane:
    ends: Counter[str] = field(default_factory=Counter)
    unfollowed: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)


class JobEnds:
    """Matches jobs with their outcomes; takes both in any order.

    A job that was carried over has several messages, and is pending until the last one is settled.
    For exact sums, read `polled` before the jobs, and the jobs before the outcomes. `polled` holds
    the committed offset of each partition (None: none yet). Memory: some 500 bytes a job.
    """

    def __init__(self, polled: Mapping[int, int | None]) -> None:
        self._polled = polled
        self._jobs: dict[str, _Known] = {}
        self._ends: dict[str, tuple[str, Tally]] = {}
        self._refused: set[Place] = set()

    def job(self, lane: str, job: Job, place: Place) -> Sequence[range]:
        """Take a job's message; returns the offsets that no earlier message of the job named.

        Raises:
            UnreadableJob: its offsets contradict its number of records.
        """
        known = self._jobs.setdefault(job.job_id, _Known(lane, job.records, place))
        if known.place is None or place > known.place:
            known.place = place
        return self._placed(known, job)

    def outcome(self, lane: str, outcome: Outcome) -> Sequence[range]:
        """Take an outcome; returns offsets as `job` does, for a job without a message."""
        job = outcome.job
        self._ends[job.job_id] = lane, outcome.tally
        if not outcome.is_untracked:
            return ()
        known = self._jobs.setdefault(job.job_id, _Known(lane, job.records, None))
        return self._placed(known, job)

    def refuse(self, place: Place) -> None:
        """Take a dead letter of this message: it could not be read, so its job was not followed."""
        self._refused.add(place)

    def sums(self) -> Mapping[str, JobSums]:
        """The sums of each lane."""
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
            # An earlier message named the offsets; the first message of a job has them.
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
