"""Counts the end of every record from the topics, because counters are lost with their process.

For the records that a lane still holds, each counted once:

    prepared = superseded + dead-lettered + accepted + waiting

For the records that its jobs took, each repeat counted again:

    handed over = accepted + repeated = applied + invalid + failed + unknown + pending

At rest (nothing waits, nothing is pending) both are exact. While the pipeline runs, they are exact
for one instant, if everything is read in this order: the committed offsets of the groups, the first
and last offsets of the lanes, the jobs, the outcomes and dead letters, the records. Messages that
are written meanwhile can then only end a record that the ledger still calls *waiting* or *pending*.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.domain.job import Job, Outcome
from pipeline.domain.message import Origin
from pipeline.operations.ledger.job_ends import JobEnds, JobSums, Place
from pipeline.operations.ledger.lane_records import LaneRecords, LaneView
from pipeline.operations.ledger.statement import LaneStatement, LetterKind, Statement


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

    def job(self, job: Job, place: Place) -> None:
        """Take a message of the topic of jobs.

        Raises:
            UnreadableJob: its offsets contradict its number of records.
        """
        lane = lane_of(job)
        if self._concerns(lane, job):
            self._lanes[lane].take(self._jobs.job(lane, job, place))

    def outcome(self, outcome: Outcome) -> None:
        """Take a message of the topic of outcomes.

        Raises:
            UnreadableJob: as for `job`.
        """
        lane = lane_of(outcome.job)
        if self._concerns(lane, outcome.job):
            self._lanes[lane].take(self._jobs.outcome(lane, outcome))

    def letter(self, letter: Letter) -> None:
        """Take a dead letter of any stage."""
        self._letters[letter.kind] += 1
        topic, partition, offset = letter.origin
        if letter.kind.stage == "upload" and topic in self._lane_topics:
            lane = self._lane_topics[topic]
            if lane in self._lanes:
                self._lanes[lane].refuse(offset)
        elif letter.kind == LetterKind("poll", "malformed") and topic == self._jobs_topic:
            self._jobs.refuse(Place(partition, offset))

    def record(self, lane: str, offset: int, key: bytes | None) -> None:
        """Take the next record of a lane."""
        self._lanes[lane].read(offset, key)

    def statement(self) -> Statement:
        """The sums of all lanes, once everything is read."""
        jobs = self._jobs.sums()
        return Statement(
            lanes=[
                LaneStatement(
                    lane=name,
                    start=self._views[name].start,
                    end=self._views[name].end,
                    records=lane.sums(),
                    jobs=jobs.get(name, JobSums()),
                    gone=max(0, self._views[name].start - self._views[name].settled),
                )
                for name, lane in self._lanes.items()
            ],
            letters=self._letters,
        )

    def _concerns(self, lane: str, job: Job) -> bool:
        """Whether a record of the job may be among those that are counted."""
        view = self._views.get(lane)
        return view is not None and job.last_offset >= view.start and job.first_offset < view.end


def lane_of(job: Job) -> str:
    """The name of the lane that a job belongs to."""
    return f"{job.destination}.{job.connection}"
