"""The three stages: which topics each reads, and who moves into a partition of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk_bound import ChunkBound
from pipeline.stages.ingest.lane_records import LaneRecords
from pipeline.stages.ingest.report import ChunkReport
from pipeline.stages.ingest.route import Routes
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ingest.transform import Read, Transform
from pipeline.stages.ingest.worker import IngestWorker
from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.poll.outcomes import Outcomes
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.poll.questions import Questions
from pipeline.stages.poll.worker import PollWorker
from pipeline.stages.ports import (
    ChunkWriter,
    Lease,
    OutcomeReader,
    RecordLimits,
    TokenBucket,
    Upload,
)
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.plan import Desk, LanePlan
from pipeline.stages.upload.worker import UploadWorker

NewProgress = Callable[[str], Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStage:
    """Upstream topics in, lanes out."""

    name: Literal["ingest"] = "ingest"
    reads: Mapping[str, Read]
    """By topic."""
    routes: Routes
    letters: DeadLetters
    record_limits: RecordLimits
    chunk_events: int
    report: ChunkReport
    new_writer: Callable[[Lease], ChunkWriter]
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return list(self.reads)

    def worker(self, lease: Lease) -> IngestWorker:
        limits = TopicLimits(self.record_limits)
        transform = Transform(
            lease=lease,
            read=self.reads[lease.topic],
            routes=self.routes,
            records=LaneRecords(partition=lease.partition, limits=limits),
            letters=replace(self.letters, limits=limits),
        )
        return IngestWorker(
            lease,
            writer=self.new_writer(lease),
            transform=transform,
            limits=limits,
            bound=ChunkBound(events=self.chunk_events),
            report=self.report,
            progress=self.new_progress(f"ingest {lease.topic}[{lease.partition}]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLane:
    """Everything about one lane that outlives an ownership; the bucket is what does not."""

    plan: LanePlan
    upload: Upload
    throttle: Throttle
    new_bucket: Callable[[], TokenBucket]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStage:
    """Lanes in, the partner and jobs out."""

    name: Literal["upload"] = "upload"
    lanes: Mapping[str, ServedLane]
    """By topic."""
    budget: Budget
    desk: Desk
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return list(self.lanes)

    def worker(self, lease: Lease) -> UploadWorker:
        lane = self.lanes[lease.topic]
        return UploadWorker(
            lease,
            plan=lane.plan,
            upload=lane.upload,
            bucket=lane.new_bucket(),
            throttle=lane.throttle,
            budget=self.budget,
            desk=self.desk,
            progress=self.new_progress(f"upload {lane.plan.name}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStage:
    """Jobs in, outcomes out."""

    name: Literal["poll"] = "poll"
    questions: Mapping[str, Questions]
    """By destination."""
    outcomes: Outcomes
    job_topic: JobTopic
    outcome_reader: OutcomeReader
    pending: PendingJobs
    carry_over_after: float
    chance: Callable[[], float]
    wall_ms: Callable[[], int]
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return [self.job_topic.topic]

    def worker(self, lease: Lease) -> PollWorker:
        return PollWorker(
            lease,
            questions=self.questions,
            outcomes=self.outcomes,
            job_topic=self.job_topic,
            outcome_reader=self.outcome_reader,
            pending=self.pending,
            carry_over_after=self.carry_over_after,
            chance=self.chance,
            wall_ms=self.wall_ms,
            progress=self.new_progress(f"poll jobs[{lease.partition}]"),
        )
