"""Which audience gets its snapshot next: one pass at a time, the earliest deadline first."""

import asyncio
from collections.abc import Collection

from pipeline.stages.snapshot.condition import SPENT, worn_out
from pipeline.stages.snapshot.owner import HEAL_MS, AudienceOwner
from pipeline.stages.snapshot.ports import Backlog
from pipeline.stages.snapshot.schedule import Due
from pipeline.stages.snapshot.shared import SharedByAudiences

LONGEST_LOOK_SECONDS = 5.0
BACKLOG_SECONDS = 15.0
HEAL_AGAIN_MS = 60_000
"""The wait after a pass that failed."""
TURN_AUDIENCES = 20
"""The event loop gets its turn after so many audiences, a millisecond or two of work."""


class MakingOrder:
    """Makes the snapshots that are due, and starts a task to follow each of them."""

    def __init__(
        self,
        shared: SharedByAudiences,
        owners: Collection[AudienceOwner],
        backlog: Backlog,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._shared = shared
        self._owners = owners
        self._backlog = backlog
        self._tasks = tasks
        self._followed: set[str] = set()
        self._heal_at_ms: dict[str, int] = {}
        """Earliest time of the next pass, of audiences whose last pass failed."""
        self._has_caught_up = False
        self._asked_backlog_ms = 0
        self._look_seconds = max(1.0, min(LONGEST_LOOK_SECONDS, shared.rules.quiet / 10))

    async def run(self) -> None:
        """Make snapshots and heal members until cancelled.

        Raises:
            Fenced: there is another owner now.
        """
        while True:
            self._follow()
            await self._ask_backlog()
            owner = self._unhealed() or await self._next()
            if owner is None:
                await asyncio.sleep(self._look_seconds)
            elif self._is_unhealed(owner):
                await self._heal(owner)
            else:
                await self._make(owner)

    async def _make(self, owner: AudienceOwner) -> None:
        """Make a snapshot, unless a look at the members topic forbids it."""
        await self._shared.members.look()
        if self._shared.members.may_make:
            await owner.make()

    def _follow(self) -> None:
        for owner in self._owners:
            name = owner.audience.audience
            if owner.is_active and name not in self._followed:
                self._followed.add(name)
                self._tasks.create_task(self._followed_to_its_end(owner), name=f"follow {name}")

    async def _followed_to_its_end(self, owner: AudienceOwner) -> None:
        try:
            await owner.follow()
        finally:
            self._followed.discard(owner.audience.audience)

    async def _ask_backlog(self) -> None:
        now_ms = self._shared.wall_ms()
        if not self._has_caught_up and now_ms - self._asked_backlog_ms >= BACKLOG_SECONDS * 1000:
            self._asked_backlog_ms = now_ms
            self._has_caught_up = await self._backlog.is_worked_off()

    def _unhealed(self) -> AudienceOwner | None:
        if not self._shared.members.may_heal:
            return None
        return next((one for one in self._owners if self._is_unhealed(one)), None)

    def _is_unhealed(self, owner: AudienceOwner) -> bool:
        """Whether a pass is late. A stopped run stops no pass, because compaction does not wait."""
        since_ms, now_ms = owner.watched.passed.unhealed_since_ms, self._shared.wall_ms()
        is_late = since_ms is not None and now_ms - since_ms > HEAL_MS
        return is_late and now_ms >= self._heal_at_ms.get(owner.audience.audience, 0)

    async def _heal(self, owner: AudienceOwner) -> None:
        before = owner.watched.passed
        await owner.heal()
        if owner.watched.passed is before:
            again_ms = self._shared.wall_ms() + HEAL_AGAIN_MS
            self._heal_at_ms[owner.audience.audience] = again_ms

    async def _next(self) -> AudienceOwner | None:
        now_ms = self._shared.wall_ms()
        if self._shared.pause.until_ms > now_ms or not self._shared.members.may_make:
            return None
        # Audiences that have a file are about to pay for its run.
        waiting = sum(
            one.is_active and one.state.state == "uploaded" and not one.condition.is_blocked
            for one in self._owners
        )
        found: list[tuple[int, AudienceOwner]] = []
        for number, owner in enumerate(self._owners):
            if number % TURN_AUDIENCES == 0:
                await asyncio.sleep(0)
            due = owner.due(may_begin=self._has_caught_up)
            if due is None and owner.is_first and not self._has_caught_up:
                owner.condition.wait("ingest_behind", "ingest has not caught up yet", 0.0)
            if due is not None and due.at_ms <= now_ms and self._may(owner, due, now_ms, waiting):
                found.append((due.deadline_ms, owner))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _may(self, owner: AudienceOwner, due: Due, now_ms: int, waiting: int) -> bool:
        shared, audience = self._shared, owner.audience.audience
        if audience in self._followed:
            return False
        if owner.condition.left() and not shared.journal.is_asked_for(audience):
            return False
        if shared.budget.is_worn_out(owner.state.runs):
            owner.condition.block(*worn_out(owner.state.runs))
            return False
        free_at = shared.budget.free_at(audience, now_ms, is_urgent=due.is_urgent, reserved=waiting)
        if free_at > now_ms:
            owner.condition.wait("budget", SPENT, 0.0)
        return free_at <= now_ms
