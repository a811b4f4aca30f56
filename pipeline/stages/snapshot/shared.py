"""The parts that all audiences of one destination share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.destinations.snapshots import SnapshotRules
from pipeline.stages.contract import Progress
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.budget import Budget
from pipeline.stages.snapshot.changes_watch import ChangesWatch
from pipeline.stages.snapshot.journal import Journal
from pipeline.stages.snapshot.members_condition import MembersCondition
from pipeline.stages.snapshot.ports import FileStorage, NewPass, Runs
from pipeline.telemetry.facts import SnapshotTelemetry


@dataclass(slots=True)
class PartnerPause:
    """Until when the partner wants no request for a run, of any audience."""

    until_ms: int = 0
    why: str = ""

    def told(self, now_ms: int, seconds: float, why: str) -> None:
        self.until_ms = max(self.until_ms, now_ms + int(seconds * 1000))
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedByAudiences:
    """The shared parts; each owner of a destination has one object."""

    destination: str
    rules: SnapshotRules
    lease: Lease
    journal: Journal
    budget: Budget
    storage: FileStorage
    runs: Runs
    watch: ChangesWatch
    members: MembersCondition
    new_pass: NewPass
    telemetry: SnapshotTelemetry
    progress: Progress
    wall_ms: Callable[[], int]
    chance: Callable[[], float]
    pause: PartnerPause = field(default_factory=PartnerPause)
    posting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from before a run is paid until the partner's answer is written down."""
