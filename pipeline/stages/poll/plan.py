"""How each destination's jobs are followed, and what all partitions of jobs share."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.stages.contract import DeadLetters
from pipeline.stages.ports import MessageWriter, OutcomeReader, RequestLimiter, Status
from pipeline.telemetry.facts import LaneLabel, PollTelemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPlan:
    """How one destination's jobs are followed. Times in seconds."""

    status: Status
    request_limiter: RequestLimiter
    initial: float
    factor: float
    longest: float
    give_up_after: float
    missing_tolerated: float
    """A job may be unknown to the partner for so long after it was submitted."""
    carry_over_after: float
    """A job still pending then goes to the end of the topic, or it would hold up the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollDesk:
    """What all partitions of the poll stage share."""

    plans: Mapping[str, PollPlan]
    message_writer: MessageWriter
    letters: DeadLetters
    outcome_reader: OutcomeReader
    telemetry: PollTelemetry
    jobs_topic: str
    outcomes_topic: str
    chance: Callable[[], float]
    wall_ms: Callable[[], int]
    pending: Counter[LaneLabel]
    """Jobs that all partitions of this process follow together."""
