"""Telemetry of snapshots that remembers what was said, so that a test can ask."""

from collections import Counter

from pipeline.domain.change import Action
from pipeline.telemetry.facts import RunEnd, SnapshotState


class RecordingSnapshots:
    """Adds up counts, keeps the last levels, and forgets those of a destination that is given up.

    Keys are the name of the fact and its labels in the order of its signature.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.levels: dict[tuple[str, ...], float] = {}
        self.states: dict[tuple[str, str], SnapshotState] = {}
        """By destination and audience."""
        self.owned: set[str] = set()
        self.ages: list[tuple[str, Action, float, int]] = []

    def ownership(self, *, destination: str, owned: bool) -> None:
        if owned:
            self.owned.add(destination)
            return
        self.owned.discard(destination)
        self.levels = {key: level for key, level in self.levels.items() if key[1] != destination}
        self.states = {key: state for key, state in self.states.items() if key[0] != destination}

    def snapshot_state(self, *, destination: str, audience: str, state: SnapshotState) -> None:
        self.states[destination, audience] = state

    def snapshot_stored(
        self, *, destination: str, audience: str, members: int, rows: int, size: int
    ) -> None:
        self.counts["snapshot_stored", destination, audience] += 1
        self.levels["members", destination, audience] = members
        self.levels["rows", destination, audience] = rows
        self.levels["size", destination, audience] = size

    def run_ended(self, *, destination: str, end: RunEnd) -> None:
        self.counts["run_ended", destination, end] += 1

    def budget(self, *, destination: str, used: int, limit: int) -> None:
        self.levels["budget_used", destination] = used
        self.levels["budget_limit", destination] = limit

    def newest_snapshot(self, *, destination: str, audience: str, at_s: float) -> None:
        self.levels["newest_snapshot", destination, audience] = at_s

    def expiry(self, *, destination: str, audience: str, at_s: float) -> None:
        self.levels["expiry", destination, audience] = at_s

    def freshness(self, *, destination: str, action: Action, seconds: float, count: int) -> None:
        self.ages.append((destination, action, seconds, count))

    def changes_overdue(self, *, destination: str, audience: str, seconds: float) -> None:
        self.levels["changes_overdue", destination, audience] = seconds

    def pass_overdue(self, *, destination: str, seconds: float) -> None:
        self.levels["pass_overdue", destination] = seconds

    def transaction_open(self, *, destination: str, seconds: float) -> None:
        self.levels["transaction_open", destination] = seconds

    def beyond_horizon(self, *, destination: str, audience: str, count: int) -> None:
        self.counts["beyond_horizon", destination, audience] += count
