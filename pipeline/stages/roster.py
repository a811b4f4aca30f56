"""Ingest and poll: which topics each reads, and who works on a partition of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.stages.contract import Progress
from pipeline.stages.ingest.worker import IngestDesk, IngestWorker, Read
from pipeline.stages.poll.plan import PollDesk
from pipeline.stages.poll.worker import PollWorker
from pipeline.stages.ports import ChunkWriter, Lease

NewProgress = Callable[[str], Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStage:
    """Upstream topics in, lanes out."""

    name: Literal["ingest"] = "ingest"
    reads: Mapping[str, Read]
    """By topic."""
    desk: IngestDesk
    new_writer: Callable[[Lease], ChunkWriter]
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return list(self.reads)

    def worker(self, lease: Lease) -> IngestWorker:
        return IngestWorker(
            lease,
            writer=self.new_writer(lease),
            read=self.reads[lease.topic],
            desk=self.desk,
            progress=self.new_progress(f"ingest {lease.topic}[{lease.partition}]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStage:
    """Jobs in, outcomes out."""

    name: Literal["poll"] = "poll"
    desk: PollDesk
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return [self.desk.jobs_topic]

    def worker(self, lease: Lease) -> PollWorker:
        return PollWorker(lease, self.desk, self.new_progress(f"poll jobs[{lease.partition}]"))
