"""The ingest and poll stages: the topics that each reads, and the worker for each partition."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.sources.encodings.schemas import SchemaRegistry
from pipeline.sources.reading import Read
from pipeline.stages.contract import Progress, Unit
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ingest.chunk_bound import ChunkBound
from pipeline.stages.ingest.lane_records import LaneRecords
from pipeline.stages.ingest.member_records import MemberRecords
from pipeline.stages.ingest.report import ChunkReport
from pipeline.stages.ingest.route import Routes
from pipeline.stages.ingest.topic_limits import TopicLimits
from pipeline.stages.ingest.transform import Transform
from pipeline.stages.ingest.worker import IngestWorker
from pipeline.stages.poll.job_topic import JobTopic
from pipeline.stages.poll.outcomes import Outcomes
from pipeline.stages.poll.pending import PendingJobs
from pipeline.stages.poll.questions import Questions
from pipeline.stages.poll.worker import PollWorker
from pipeline.stages.ports import ChunkWriter, Lease, OutcomeReader, Partition, RecordLimits

NewProgress = Callable[[str], Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStage:
    """Upstream topics in, lanes out."""

    name: Literal["ingest"] = "ingest"
    unit: Unit = "partition"
    reads: Mapping[str, Read]
    """By topic."""
    registries: Mapping[str, SchemaRegistry]
    """By topic; only sources with a registry."""
    routes: Routes
    restating: Collection[str]
    """Topics whose changes count from the time their event was written."""
    letters: DeadLetters
    record_limits: RecordLimits
    chunk_events: int
    report: ChunkReport
    wall_ms: Callable[[], int]
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
            members=MemberRecords(
                source=Partition(lease.topic, lease.partition),
                restates=lease.topic in self.restating,
                limits=limits,
                wall_ms=self.wall_ms,
            ),
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
            schemas=self.registries.get(lease.topic),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStage:
    """Jobs in, outcomes out."""

    name: Literal["poll"] = "poll"
    unit: Unit = "partition"
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
