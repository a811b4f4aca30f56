"""All that a storm leaves behind to be judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.partner import Arrival, Question, Sent
from tests.chaos.plan import Gust
from tests.chaos.snapshots import SnapshotEvidence
from tests.chaos.topics import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A gust as it came to pass. Times in monotonic seconds."""

    gust: Gust
    began: float
    ended: float
    hand: str | None
    """The process that it struck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What happened, what the partner saw, and what the topics say."""

    session_seconds: float
    cap: int
    window_seconds: float
    began: float
    ended: float
    struck: Sequence[Struck]
    produced: int
    topics: Topics
    undone: Mapping[str, int]
    standing: Mapping[tuple[int, str], int]
    """The checksum of the record that stands for each member of each audience."""
    windows: Mapping[str, int]
    """The most records that any window holds, by connection."""
    arrivals: Sequence[Arrival]
    questions: Sequence[Question]
    taken: Mapping[Sent, int]
    partner_jobs: Mapping[str, int]
    """Records of each job that the partner ran."""
    partner_invalid: Mapping[str, Sequence[tuple[int, str]]]
    """Members that each of its jobs did not take, by audience."""
    repeated_in_request: int
    unreadable_requests: int
    exits: Sequence[tuple[str, int]]
    deserters: Sequence[tuple[str, int]]
    left_behind: Sequence[int]
    bad_lines: Sequence[str]
    floods: Sequence[str]
    """Seconds in which a process wrote more lines than anybody can read."""
    is_static: bool
    """Processes were members of their groups by identity."""
    snapshots: SnapshotEvidence
    """Of the second partner."""
    ledger_says: Sequence[str]
    """What `audience-pipeline ledger` found amiss at the end."""
