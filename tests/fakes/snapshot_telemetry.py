"""Telemetry of snapshots that remembers what was said, so that a test can ask."""

from collections import Counter

from pipeline.domain.change import Action
from pipeline.telemetry.facts import RunEnd, SnapshotState


class RecordingSnapshotTelemetry:
    """Adds up counts and keeps the last level."""

    def __init__(self) -> None:
        self.owned: list[bool] = []
        self.states: dict[str, SnapshotState] = {}
        self.stored: list[tuple[str, int, int, int]] = []
        self.ends: Counter[RunEnd] = Counter()
        self.used: list[tuple[int, int]] = []
        self.newest: dict[str, float] = {}
        self.expires: dict[str, float] = {}
        self.ages: list[tuple[Action, float, int]] = []
        self.overdue: dict[str, float] = {}
        self.pass_late = 0.0
        self.beyond: Counter[str] = Counter()

    def ownership(self, *, destination: str, owned: bool) -> None:
        self.owned.append(owned)

    def snapshot_state(self, *, destination: str, audience: str, state: SnapshotState) -> None:
        self.states[audience] = state

    def snapshot_stored(
        self, *, destination: str, audience: str, members: int, rows: int, size: int
    ) -> None:
        self.stored.append((audience, members, rows, size))

    def run_ended(self, *, destination: str, end: RunEnd) -> None:
        self.ends[end] += 1

    def budget(self, *, destination: str, used: int, limit: int) -> None:
        self.used.append((used, limit))

    def newest_snapshot(self, *, destination: str, audience: str, at_s: float) -> None:
        self.newest[audience] = at_s

    def expiry(self, *, destination: str, audience: str, at_s: float) -> None:
        self.expires[audience] = at_s

    def freshness(self, *, destination: str, action: Action, seconds: float, count: int) -> None:
        self.ages.append((action, seconds, count))

    def changes_overdue(self, *, destination: str, audience: str, seconds: float) -> None:
        self.overdue[audience] = seconds

    def pass_overdue(self, *, destination: str, seconds: float) -> None:
        self.pass_late = seconds

    def beyond_horizon(self, *, destination: str, audience: str, count: int) -> None:
        self.beyond[audience] += count
