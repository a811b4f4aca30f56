"""Decides what one audience of a destination needs next, and does it."""

import asyncio
from collections.abc import Awaitable, Mapping

import structlog

from pipeline.destinations.snapshots import SnapshotAudience
from pipeline.stages.raised import place_of
from pipeline.stages.snapshot.changes_watch import Watched
from pipeline.stages.snapshot.condition import AudienceCondition
from pipeline.stages.snapshot.files import kept, tidy
from pipeline.stages.snapshot.following import RunFollowing
from pipeline.stages.snapshot.making import SnapshotMaking
from pipeline.stages.snapshot.ports import Fenced, StorageRefused, StorageUnavailable
from pipeline.stages.snapshot.run_records import AudienceState
from pipeline.stages.snapshot.schedule import Due, due
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.starting import RunStarting
from pipeline.stages.snapshot.states import TakenOver, decide
from pipeline.telemetry.facts import SnapshotState

HEAL_MS = 6 * 3_600_000
"""A pass follows a change within this time, also where no snapshot is due ..."""
LATEST_PASS_MS = 12 * 3_600_000
"""... and at the latest within this: half of the time that compaction leaves a record alone."""
STEP_SECONDS = 1.0
LOOK_SECONDS = 5.0

log = structlog.get_logger(__name__)


class AudienceOwner:
    """Makes the snapshots of one audience and follows their runs."""

    def __init__(
        self, shared: SharedByAudiences, audience: SnapshotAudience, watched: Watched
    ) -> None:
        self.audience = audience
        self.condition = AudienceCondition(
            shared.destination, audience.name, shared.wall_ms, shared.chance
        )
        self._shared = shared
        self.watched = watched
        self._making = SnapshotMaking(shared, audience, watched, self.condition)
        self._starting = RunStarting(shared, audience, self.condition)
        self._following = RunFollowing(shared, audience, watched, self.condition)
        self._turn = asyncio.Lock()
        """The task that holds it may write the state."""
        self._deleted: int | None = None
        """Number of the burnt file that was surely deleted."""

    @property
    def state(self) -> AudienceState:
        return self._shared.journal.state(self.audience.audience)

    @property
    def is_first(self) -> bool:
        """Whether the next snapshot is the first of the present members."""
        return self._shared.journal.is_first(self.audience.audience)

    @property
    def shown_state(self) -> SnapshotState:
        """The state for telemetry and the status page."""
        state = self.state
        if self.condition.is_blocked:
            return "blocked"
        if state.state == "uploaded" and not self._starting.may_go(state):
            return "held"
        return "ended" if state.state == "idle" else state.state

    @property
    def is_active(self) -> bool:
        """Whether there is something to follow: a file that may go, or a run."""
        state = self.state
        match decide(state.state, TakenOver()).effects:
            case ("look",) | ("poll",):
                return True
            case ("delete_file",):
                return state.run_n != self._deleted
            case _:
                return state.state == "uploaded" and self._starting.may_go(state)

    def due(self, *, may_begin: bool) -> Due | None:
        """Return when the next snapshot is to be made; None while nothing asks for one."""
        state, now_ms = self.state, self._shared.wall_ms()
        since = self.watched.ingested if state.hold is None else self.watched.newest
        return due(
            state,
            since.changes,
            rules=self._shared.rules,
            lifetime=self.audience.lifetime,
            is_asked_for=self._shared.journal.is_asked_for(self.audience.audience),
            is_first=self.is_first,
            may_begin=may_begin,
            now_ms=now_ms,
        )

    # What is done

    async def make(self) -> None:
        """Try once to make a snapshot.

        Raises:
            Fenced: there is another owner now.
        """
        async with self._turn:
            # A sweep may have found a run meanwhile, and that run comes first.
            if not self.is_active:
                await self._guarded(self._making.make())

    async def heal(self) -> None:
        """Try once to make a pass without a snapshot.

        Raises:
            Fenced: there is another owner now.
        """
        await self._guarded(self._making.heal())

    async def follow(self) -> None:
        """Go from step to step until there is nothing to follow.

        Raises:
            Fenced: there is another owner now.
        """
        while self.is_active:
            async with self._turn:
                before = self.state
                await self._guarded(self._step(before))
            if self.state is before:
                await asyncio.sleep(STEP_SECONDS)
            await self._until_next_try()

    async def sweep(self) -> None:
        """Look for runs of burnt windows, and delete old files.

        Raises:
            Fenced: there is another owner now.
        """
        try:
            if not self._turn.locked():
                async with self._turn:
                    await self._look_for_late_run()
            # A task that follows a run has the turn for hours, so files are deleted without it.
            await self._tidy()
        except (StorageUnavailable, StorageRefused) as error:
            # The next sweep tries again soon, and nothing else waits for it.
            log.warning("old files stay", audience=self.audience.name, error=str(error))
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - a partner or a stored record may say anything
            log.warning("not swept", audience=self.audience.name, error=place_of(error))

    async def _until_next_try(self) -> None:
        """Wait for the next try, or until an operator asks for a snapshot."""
        journal, name = self._shared.journal, self.audience.audience
        while True:
            left = self.condition.left()
            if not left or journal.is_asked_for(name):
                return
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def _step(self, state: AudienceState) -> None:
        match decide(state.state, TakenOver()).effects:
            case ("look",):
                await self._following.look(state)
            case ("poll",):
                await self._following.poll(state)
            case ("delete_file",):
                assert state.run_n is not None
                await self._following.delete_burnt(state.run_n)
                self._deleted = state.run_n
            case _:
                withdrawn_ms = self.watched.newest.changes.oldest_withdrawal_ms
                await self._starting.start(
                    state, is_urgent=self._is_urgent, has_withdrawals=withdrawn_ms is not None
                )

    @property
    def _is_urgent(self) -> bool:
        """Whether the newest file is for a withdrawal, or an operator asked for it."""
        withdrawn_ms = self.watched.ingested.changes.oldest_withdrawal_ms
        return self.state.is_urgent or withdrawn_ms is not None

    async def _tidy(self) -> None:
        state, shared = self.state, self._shared
        if state.n is not None:
            # In every state, or the last file would stay until another is ingested. The newest file
            # is deleted, too, once its run is over.
            below = state.n + 1 if state.state == "ended" else state.n
            keep = kept(
                shared.journal.runs(self.audience.audience),
                shared.wall_ms(),
                shared.rules.keep_files,
            )
            await tidy(shared.storage, self.audience.folder, below=below, keep=keep)

    async def _look_for_late_run(self) -> None:
        state = self.state
        if state.state in ("burnt", "ended") and state.burnt:
            await self._following.look_for_late_run(state)

    async def _guarded(self, step: Awaitable[None]) -> None:
        """Run a step so that the trouble of one audience stops no other."""
        try:
            await step
        except Fenced:
            raise
        except StorageUnavailable as error:
            self.condition.failed("storage_unavailable", str(error))
        except StorageRefused as error:
            self.condition.block("storage_refused", str(error))
        except Exception as error:  # noqa: BLE001 - a partner or a stored record may say anything
            self.condition.block("internal", place_of(error))

    def status(self) -> Mapping[str, object]:
        """The audience's entry in /status."""
        state = self.state
        found = self.due(may_begin=True)
        return {
            "audience": self.audience.audience,
            "state": self.shown_state,
            "cause": self.condition.cause,
            "detail": self.condition.detail,
            "held": None if state.hold is None else state.hold.cause,
            "rows": None if state.file is None else state.file.rows,
            "ingested_rows": None if state.ingested is None else state.ingested.rows,
            "ingested_at_ms": None if state.ingested is None else state.ingested.at_ms,
            "last_run": state.last_end,
            "next_start_at_ms": None if found is None else found.at_ms,
        }
