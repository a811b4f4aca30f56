"""What there is to know of one lane, whoever owns it, and what all lanes share."""

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
    """Everything about one lane that outlives an ownership; buckets do not. Times in seconds."""

    name: str
    label: LaneLabel
    partner: Upload
    misfit: Misfit
    limits: Limits
    quota: Quota
    new_buckets: Callable[[], Mapping[Dimension, TokenBucket]]
    """Empty ones, one for each thing that the quota counts."""
    throttle: Throttle
    max_in_flight: int
    late_seconds: float
    probe_seconds: float
    backoff: Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedByLanes:
    """What all lanes of a process share; each part of a lane is given its own of it by name."""

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
    """A text that nobody has used."""
    wall_ms: Callable[[], int]
    cap_clock: Callable[[], float]
    """Seconds that no correction of the time of day makes shorter: the cap is earned by them."""
