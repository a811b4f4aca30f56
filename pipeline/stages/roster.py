"""Ingest and poll: which topics each reads, and who works on a partition of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.sources.encodings.schemas import SchemaRegistry
from pipeline.sources.reading import Read
from pipeline.stages.contract import Progress, Unit
from pipeline.stages.ingest.worker import IngestDesk, IngestWorker
from pipeline.stages.poll.plan import PollDesk
from pipeline.stages.poll.worker import PollWorker
from pipeline.stages.ports import ChunkWriter, Lease

NewProgress = Callable[[str], Progress]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStage:
    """Upstream topics in, lanes out."""

    name: Literal["ingest"] = "ingest"
    unit: Unit = "partition"
    reads: Mapping[str, Read]
    """By topic."""
    registries: Mapping[str, SchemaRegistry]
    """By topic, of the sources that have one."""
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
            schemas=self.registries.get(lease.topic),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStage:
    """Jobs in, outcomes out."""

    name: Literal["poll"] = "poll"
    unit: Unit = "partition"
    desk: PollDesk
    new_progress: NewProgress

    @property
    def topics(self) -> Sequence[str]:
        return [self.desk.jobs_topic]

    def worker(self, lease: Lease) -> PollWorker:
        return PollWorker(lease, self.desk, self.new_progress(f"poll jobs[{lease.partition}]"))
