"""The three stages: which topics each reads, and who moves into a partition of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.stages.contract import Pulse
from pipeline.stages.ingest.worker import IngestDesk, IngestTenant, Read
from pipeline.stages.poll.plan import PollDesk
from pipeline.stages.poll.worker import PollTenant
from pipeline.stages.ports import Claim, Hop, Pacer, Upload
from pipeline.stages.retry import Throttle
from pipeline.stages.upload.memory import Budget
from pipeline.stages.upload.plan import Desk, LanePlan
from pipeline.stages.upload.worker import UploadTenant

NewPulse = Callable[[str], Pulse]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestStage:
    """Upstream topics in, lanes out."""

    name: Literal["ingest"] = "ingest"
    reads: Mapping[str, Read]
    """By topic."""
    desk: IngestDesk
    new_hop: Callable[[Claim], Hop]
    new_pulse: NewPulse

    @property
    def topics(self) -> Sequence[str]:
        return list(self.reads)

    def tenant(self, claim: Claim) -> IngestTenant:
        return IngestTenant(
            claim,
            hop=self.new_hop(claim),
            read=self.reads[claim.topic],
            desk=self.desk,
            pulse=self.new_pulse(f"ingest {claim.topic}[{claim.partition}]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLane:
    """Everything about one lane that outlives an ownership; the bucket is what does not."""

    plan: LanePlan
    upload: Upload
    throttle: Throttle
    new_pacer: Callable[[], Pacer]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStage:
    """Lanes in, the partner and jobs out."""

    name: Literal["upload"] = "upload"
    lanes: Mapping[str, ServedLane]
    """By topic."""
    budget: Budget
    desk: Desk
    new_pulse: NewPulse

    @property
    def topics(self) -> Sequence[str]:
        return list(self.lanes)

    def tenant(self, claim: Claim) -> UploadTenant:
        lane = self.lanes[claim.topic]
        return UploadTenant(
            claim,
            plan=lane.plan,
            upload=lane.upload,
            pacer=lane.new_pacer(),
            throttle=lane.throttle,
            budget=self.budget,
            desk=self.desk,
            pulse=self.new_pulse(f"upload {lane.plan.name}"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PollStage:
    """Jobs in, outcomes out."""

    name: Literal["poll"] = "poll"
    desk: PollDesk
    new_pulse: NewPulse

    @property
    def topics(self) -> Sequence[str]:
        return [self.desk.jobs_topic]

    def tenant(self, claim: Claim) -> PollTenant:
        return PollTenant(claim, self.desk, self.new_pulse(f"poll jobs[{claim.partition}]"))
