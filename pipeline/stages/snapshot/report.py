"""Reports the snapshots of one destination to telemetry."""

import asyncio
from collections.abc import Collection

import structlog

from pipeline.stages.snapshot.owner import LATEST_PASS_MS, AudienceOwner
from pipeline.stages.snapshot.run_records import AudienceState
from pipeline.stages.snapshot.schedule import due
from pipeline.stages.snapshot.shared import SharedByAudiences

SAY_SECONDS = 30.0
TURN_AUDIENCES = 20
"""The event loop gets its turn after so many audiences, a millisecond or two of work."""
OLD_TRANSACTION_SECONDS = 1200.0
"""Older than any healthy one: brokers end a forgotten transaction within 15 minutes."""
AGAIN_SECONDS = 3600.0

log = structlog.get_logger(__name__)


class SnapshotReport:
    """Reports every level again and again, while we own the destination."""

    def __init__(self, shared: SharedByAudiences, owners: Collection[AudienceOwner]) -> None:
        self._shared = shared
        self._owners = owners
        self._telemetry = shared.telemetry
        self._log_again_at = 0.0
        self._telemetry.ownership(destination=shared.destination, owned=True)

    def released(self) -> None:
        """Report that we own the destination no more: another process reports its levels."""
        self._telemetry.ownership(destination=self._shared.destination, owned=False)

    async def say_always(self) -> None:
        """Report every half minute, until cancelled."""
        while True:
            await self._say()
            await asyncio.sleep(SAY_SECONDS)

    async def _say(self) -> None:
        shared, now_ms = self._shared, self._shared.wall_ms()
        self._telemetry.budget(
            destination=shared.destination,
            used=shared.budget.used(now_ms),
            limit=shared.budget.limit,
        )
        waiting = [one.watched.passed.unhealed_since_ms for one in self._owners]
        oldest_ms = min((one for one in waiting if one is not None), default=now_ms)
        late_ms = max(0, now_ms - oldest_ms - LATEST_PASS_MS)
        self._telemetry.pass_overdue(destination=shared.destination, seconds=late_ms / 1000)
        self._say_transactions(asyncio.get_running_loop().time())
        for number, owner in enumerate(self._owners):
            if number % TURN_AUDIENCES == 0:
                await asyncio.sleep(0)
            self._say_of(owner)

    def _say_transactions(self, now: float) -> None:
        shared, found = self._shared, self._shared.watch.open_transactions
        oldest = found.oldest
        old = {one: round(age) for one, age in found.ages.items() if age > OLD_TRANSACTION_SECONDS}
        self._telemetry.transaction_open(destination=shared.destination, seconds=oldest)
        if old and now >= self._log_again_at:
            self._log_again_at = now + AGAIN_SECONDS
            log.error(
                "a transaction on the memberships does not end: no pass sees what is behind it",
                destination=shared.destination,
                seconds_by_partition=old,
                remedy="kafka-transactions.sh finds it and aborts it: see the runbook",
            )

    def _say_of(self, owner: AudienceOwner) -> None:
        destination, audience = self._shared.destination, owner.audience.audience
        self._telemetry.snapshot_state(
            destination=destination, audience=audience, state=owner.shown_state
        )
        self._telemetry.changes_overdue(
            destination=destination, audience=audience, seconds=self._overdue(owner)
        )
        ingested = owner.state.ingested
        if ingested is not None:
            at_s = ingested.at_ms / 1000
            self._telemetry.newest_snapshot(destination=destination, audience=audience, at_s=at_s)
            self._telemetry.expiry(
                destination=destination, audience=audience, at_s=at_s + owner.audience.lifetime
            )

    def _overdue(self, owner: AudienceOwner) -> float:
        """Return by how many seconds a change is later than the rules allow; 0 if it is not."""
        now_ms = self._shared.wall_ms()
        found = due(
            AudienceState(),
            owner.watched.ingested.changes,
            rules=self._shared.rules,
            lifetime=owner.audience.lifetime,
            is_asked_for=False,
            is_first=False,
            may_begin=True,
            now_ms=now_ms,
        )
        return 0.0 if found is None else max(0.0, (now_ms - found.deadline_ms) / 1000)
