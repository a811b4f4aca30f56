"""The ledger of every record, from what stands in the topics: counters die with their process.

For the records that still stand in a lane, each counted once:

    prepared = superseded + dead-lettered + accepted + waiting

and for what its jobs took, repeats counted again:

    handed over = accepted + repeated = applied + invalid + failed + unknown + pending

At rest (nothing waits, nothing is pending) both are exact. While the pipeline runs they are exact
too, for one instant, if everything is asked for in this order: where the groups go on, where the
lanes begin and end, the jobs, the outcomes and dead letters, the records. What is written
meanwhile can then only turn *waiting* and *pending* into an end that is not seen yet.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.domain.job import Job, Outcome
from pipeline.domain.message import Origin
from pipeline.operations.ledger.job_ends import JobEnds, JobSums, Place
from pipeline.operations.ledger.lane_records import LaneRecords, LaneView
from pipeline.operations.ledger.statement import LaneStatement, LetterKind, Statement

EARLIER_VERSION = "jobs before were written by a version that did not say which records they took"


class Letter(NamedTuple):
    """A dead letter by its headers."""

    kind: LetterKind
    origin: Origin


class Ledger:
    """Takes jobs, outcomes and letters in any order, then records lane by lane."""

    def __init__(
        self,
        views: Mapping[str, LaneView],
        *,
        lane_topics: Mapping[str, str],
        jobs_topic: str,
        polled: Mapping[int, int | None],
    ) -> None:
        self._views = views
        self._lane_topics = lane_topics
        self._jobs_topic = jobs_topic
        self._lanes = {lane: LaneRecords(view) for lane, view in views.items()}
        self._jobs = JobEnds(polled)
        self._letters: Counter[LetterKind] = Counter()
        self._begins: dict[str, int] = {}
        self._nowhere: set[str] = set()

    def job(self, job: Job, place: Place) -> None:
        """A message of the topic of jobs.

        Raises:
            UnreadableJob: what it says of its offsets contradicts itself.
        """
        lane = lane_of(job)
        if not self._concerns(lane, job):
            return
        self._take(lane, job, self._jobs.job(lane, job, place))

    def outcome(self, outcome: Outcome) -> None:
        """A message of the topic of outcomes.

        Raises:
            UnreadableJob: as for `job`.
        """
        lane = lane_of(outcome.job)
        if not self._concerns(lane, outcome.job):
            return
        runs = self._jobs.outcome(lane, outcome)
        if outcome.is_untracked:
            self._take(lane, outcome.job, runs)

    def letter(self, letter: Letter) -> None:
        """A dead letter, of whatever stage."""
        self._letters[letter.kind] += 1
        topic, partition, offset = letter.origin
        if letter.kind.stage == "upload" and topic in self._lane_topics:
            lane = self._lane_topics[topic]
            if lane in self._lanes:
                self._lanes[lane].refuse(offset)
        elif letter.kind == LetterKind("poll", "malformed") and topic == self._jobs_topic:
            self._jobs.refuse(Place(partition, offset))

    def begins(self, lane: str) -> int:
        """The first offset to read: once everything but the records is known."""
        self._lanes[lane].begin_at(self._begins.get(lane, 0))
        return self._lanes[lane].start

    def record(self, lane: str, offset: int, key: bytes | None) -> None:
        """The next record of a lane."""
        self._lanes[lane].read(offset, key)

    def statement(self) -> Statement:
        """What became of everything, once all is read."""
        jobs = self._jobs.sums()
        return Statement(
            lanes=[
                LaneStatement(
                    lane=name,
                    start=lane.start,
                    end=self._views[name].end,
                    records=lane.sums(),
                    jobs=jobs.get(name, JobSums()),
                    gone=max(0, self._views[name].start - self._views[name].settled),
                    not_before=EARLIER_VERSION if lane.start > self._views[name].start else None,
                )
                for name, lane in self._lanes.items()
            ],
            letters=self._letters,
        )

    def _take(self, lane: str, job: Job, runs: Sequence[range] | None) -> None:
        if runs is not None:
            self._lanes[lane].take(runs)
        elif not job.offsets and not job.carried_over and job.job_id not in self._nowhere:
            self._nowhere.add(job.job_id)
            self._begins[lane] = max(self._begins.get(lane, 0), job.last_offset + 1)
            self._lanes[lane].take_elsewhere(job.records)

    def _concerns(self, lane: str, job: Job) -> bool:
        """Whether any of its records may lie in the view."""
        view = self._views.get(lane)
        return view is not None and job.last_offset >= view.start and job.first_offset < view.end


def lane_of(job: Job) -> str:
    """The name of the lane that a job belongs to."""
    return f"{job.destination}.{job.connection}"
