"""What a lane is told: how it is configured, and what all lanes of a process share."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.stages.contract import DeadLetters
from pipeline.stages.ports import MessageWriter, PauseRequests, Replay, Trimmer
from pipeline.stages.retry import Backoff
from pipeline.stages.upload.batching import Limits
from pipeline.telemetry.facts import LaneLabel, UploadTelemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """What one lane is configured to do. Times in seconds."""

    name: str
    label: LaneLabel
    limits: Limits
    cap: int
    cap_window: float
    max_in_flight: int
    late_seconds: float
    probe_seconds: float
    backoff: Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all lanes of a process share."""

    message_writer: MessageWriter
    letters: DeadLetters
    telemetry: UploadTelemetry
    jobs_topic: str
    outcomes_topic: str
    trimmer: Trimmer
    keep_delivered: float
    """Seconds for which delivered records stay in their topic, for a replay."""
    controls: PauseRequests
    new_replay: Callable[[str], Replay]
    """A second reader of the topic of a lane."""
    chance: Callable[[], float]
    new_id: Callable[[], str]
    """A text that nobody has used."""
    wall_ms: Callable[[], int]
