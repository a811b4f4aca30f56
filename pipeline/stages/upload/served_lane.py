"""The parts of one lane that do not depend on its owner, and the parts that lanes share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.domain.quota import Dimension, Quota
from pipeline.stages.contract import Progress
from pipeline.stages.dead_letters import DeadLetters
from pipeline.stages.ports import (
    MessageWriter,
    PauseRequests,
    Replay,
    TokenBucket,
    Trimmer,
    Upload,
)
from pipeline.stages.retry import Backoff, Throttle
from pipeline.stages.upload.batching import Limits
from pipeline.stages.upload.intake import Misfit
from pipeline.stages.upload.memory import Budget
from pipeline.telemetry.facts import LaneLabel, LaneTelemetry, UploadTelemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLane:
    """The parts of one lane that outlive an ownership; buckets do not. Times in seconds."""

    name: str
    label: LaneLabel
    partner: Upload
    misfit: Misfit
    limits: Limits
    quota: Quota
    new_buckets: Callable[[], Mapping[Dimension, TokenBucket]]
    """Returns empty buckets, one for each dimension that the quota counts."""
    throttle: Throttle
    max_in_flight: int
    late_seconds: float
    probe_seconds: float
    backoff: Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedByLanes:
    """The parts that all lanes of a process share; each part of a lane gets those that it needs."""

    budget: Budget
    message_writer: MessageWriter
    dead_letters: DeadLetters
    telemetry: UploadTelemetry
    lane_telemetry: LaneTelemetry
    jobs_topic: str
    outcomes_topic: str
    trimmer: Trimmer
    keep_delivered: float
    """Seconds for which delivered records stay in their topic, for a replay."""
    pause_requests: PauseRequests
    new_replay: Callable[[str], Replay]
    """A second reader of the topic of a lane."""
    new_progress: Callable[[str], Progress]
    chance: Callable[[], float]
    new_id: Callable[[], str]
    """Returns a text that was never used before."""
    wall_ms: Callable[[], int]
    cap_clock: Callable[[], float]
    """Returns the seconds that earn tokens; a correction of the time of day never shortens them."""
