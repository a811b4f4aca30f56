"""What telemetry is told of one destination's snapshots."""

from collections.abc import Collection

from pipeline.stages.snapshot.owner import LATEST_PASS_MS, AudienceOwner
from pipeline.stages.snapshot.shared import SharedByAudiences

SAY_SECONDS = 30.0


class SnapshotReport:
    """Says every level again and again, for as long as we own the destination."""

    def __init__(self, shared: SharedByAudiences, owners: Collection[AudienceOwner]) -> None:
        self._shared = shared
        self._owners = owners
        self._telemetry = shared.telemetry
        self._said_ms: int | None = None
        self._telemetry.ownership(destination=shared.destination, owned=True)

    def released(self) -> None:
        """All levels are another's to report."""
        self._telemetry.ownership(destination=self._shared.destination, owned=False)

    def say_now_and_then(self) -> None:
        """Every half minute, however often this is called."""
        shared, now_ms = self._shared, self._shared.wall_ms()
        if self._said_ms is not None and now_ms - self._said_ms < SAY_SECONDS * 1000:
            return
        self._said_ms = now_ms
        self._telemetry.budget(
            destination=shared.destination,
            used=shared.budget.used(now_ms),
            limit=shared.budget.limit,
        )
        waiting = [one.unpassed_since_ms for one in self._owners]
        oldest_ms = min((one for one in waiting if one is not None), default=now_ms)
        late_ms = max(0, now_ms - oldest_ms - LATEST_PASS_MS)
        self._telemetry.pass_overdue(destination=shared.destination, seconds=late_ms / 1000)
        for owner in self._owners:
            self._say_of(owner)

    def _say_of(self, owner: AudienceOwner) -> None:
        destination, audience = self._shared.destination, owner.audience.audience
        self._telemetry.snapshot_state(
            destination=destination, audience=audience, state=owner.shown_state
        )
        self._telemetry.changes_overdue(
            destination=destination, audience=audience, seconds=owner.changes_overdue
        )
        ingested = owner.state.ingested
        if ingested is not None:
            at_s = ingested.at_ms / 1000
            self._telemetry.newest_snapshot(destination=destination, audience=audience, at_s=at_s)
            self._telemetry.expiry(
                destination=destination, audience=audience, at_s=at_s + owner.audience.lifetime
            )
