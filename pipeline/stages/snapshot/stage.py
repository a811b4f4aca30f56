"""The snapshot stage: states and members in, the partner's ingestions out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.stages.ports import Lease
from pipeline.stages.snapshot.ports import Backlog
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.worker import SnapshotWorker


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDestination:
    """One destination that takes snapshots."""

    name: str
    audiences: Sequence[SnapshotAudience]
    new_shared: Callable[[Lease], SharedByAudiences]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotStage:
    """Each destination has a topic of one partition; the owner of it makes the snapshots."""

    name: Literal["snapshot"] = "snapshot"
    unit: Literal["topic"] = "topic"
    destinations: Mapping[str, ServedDestination]
    """By topic."""
    new_backlog: Callable[[], Backlog]

    @property
    def topics(self) -> Sequence[str]:
        return list(self.destinations)

    def worker(self, lease: Lease) -> SnapshotWorker:
        served = self.destinations[lease.topic]
        return SnapshotWorker(
            name=served.name,
            lease=lease,
            audiences=served.audiences,
            new_shared=lambda: served.new_shared(lease),
            new_backlog=self.new_backlog,
        )
