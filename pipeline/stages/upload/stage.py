"""The upload stage: it reads lanes, sends records to partners, and writes jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.stages.ports import Lease
from pipeline.stages.upload.assembly import LaneAssembly
from pipeline.stages.upload.served_lane import ServedLane, SharedByLanes
from pipeline.stages.upload.worker import UploadWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadStage:
    """Every lane is a topic, and the owner of the topic serves the lane."""

    name: Literal["upload"] = "upload"
    unit: Literal["topic"] = "topic"
    lanes: Mapping[str, ServedLane]
    """By topic."""
    shared: SharedByLanes

    @property
    def topics(self) -> Sequence[str]:
        return list(self.lanes)

    def worker(self, lease: Lease) -> UploadWorker:
        return LaneAssembly(self.shared, self.lanes[lease.topic], lease).worker()
