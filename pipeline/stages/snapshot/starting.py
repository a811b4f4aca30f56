"""Starts a run of a stored file: checks what must be true first, and reads the answer."""

from collections.abc import Sequence
from typing import assert_never

from pipeline.destinations.snapshots import (
    BudgetSpent,
    Run,
    RunAnswer,
    RunRefused,
    RunStarted,
    SnapshotAudience,
    Window,
)
from pipeline.domain.job import NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled
from pipeline.stages.snapshot.condition import (
    IN_DOUBT,
    SPENT,
    AudienceCondition,
    worn_out,
)
from pipeline.stages.snapshot.file_look import FileLook
from pipeline.stages.snapshot.guards import released_at
from pipeline.stages.snapshot.run_records import AudienceState, SnapshotFile
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.states import (
    ABSENT_SECONDS,
    Event,
    FileGone,
    LateRun,
    Listed,
    MayStart,
    Refused,
    decide,
)
from pipeline.stages.snapshot.transitions import (
    adopted,
    approved,
    claimed,
    goes_on,
    intended,
    late_run,
    refunded,
    started,
    started_after_all,
    told_ends,
    window_of,
)

BUSY_SECONDS = 30.0
"""While another run of the audience goes on, look at the list again after this time."""
THROTTLED_SECONDS = 30.0
SPENT_SECONDS = 3600.0
"""Without a time from the partner, its own limit of runs is tried again after this one."""
BEHIND_SECONDS = 600.0
"""The audience that met the limit tries later than others: the limit may be its own."""
OLD_SECONDS = 6 * 3600.0
WITHDRAWN_SECONDS = 900.0
"""A file that is older than this is made again if somebody has withdrawn since.

A younger file is sent: if somebody withdraws every minute, there would otherwise be no run at all.
"""
STALE_SECONDS = 60.0
"""If it takes longer to write a run down, we do not ask for it: the charge is too old."""


class RunStarting:
    """Starts runs of one audience, one at a time."""

    def __init__(
        self,
        shared: SharedByAudiences,
        audience: SnapshotAudience,
        condition: AudienceCondition,
    ) -> None:
        self._shared = shared
        self._audience = audience
        self._condition = condition
        self._file_look = FileLook(shared, audience.folder, condition)

    def may_go(self, state: AudienceState) -> bool:
        """Whether no guard holds the file, or a person approved it, or the hold is over."""
        if state.hold is None or self._shared.journal.is_approved(self._audience.audience):
            return True
        at_ms = released_at(state.hold)
        return at_ms is not None and at_ms <= self._shared.wall_ms()

    async def start(self, state: AudienceState, *, is_urgent: bool, has_withdrawals: bool) -> None:
        """Try once to start a run; then the state is new, or the condition says what to wait for.

        `has_withdrawals`: somebody withdrew since the file was made.

        Raises:
            Fenced: there is another owner now.
            StorageUnavailable, StorageRefused: the storage cannot be asked.
        """
        shared, name = self._shared, self._audience.audience
        file = state.file
        assert file is not None
        if state.hold is not None:
            await shared.journal.write(name, approved(state, shared.wall_ms()))
            return
        if self._is_old(file, has_withdrawals=has_withdrawals) or shared.journal.is_asked_for(name):
            await self._claim(state)
            return
        if not self._may_be_paid(state, is_urgent):
            return
        window = window_of(file, shared.rules.window_margin)
        match await self._file_look.look(file, window):
            case "gone":
                await self._claim(state)
            case "fine" if await self._is_free(state, window):
                async with shared.posting:
                    await self._post(state, window, is_urgent)
            case "fine" | "again":
                pass

    async def _claim(self, state: AudienceState) -> None:
        """Drop the file: another file, with another window, takes its place."""
        journal, name = self._shared.journal, self._audience.audience
        decide(state.state, FileGone())
        # The claim answers an operator's request, so it must be as urgent as the request.
        is_urgent = state.is_urgent or journal.is_asked_for(name)
        now_ms, folder = self._shared.wall_ms(), self._audience.folder
        await journal.write(name, claimed(state, now_ms, is_urgent=is_urgent, folder=folder))
        self._condition.fine()

    def _is_old(self, file: SnapshotFile, *, has_withdrawals: bool) -> bool:
        """Whether the file has waited too long for its run, so that a newer one is better."""
        usual = max(self._shared.rules.max_wait, OLD_SECONDS)
        patience = WITHDRAWN_SECONDS if has_withdrawals else usual
        return self._shared.wall_ms() - file.made_ms > patience * 1000

    def _may_be_paid(self, state: AudienceState, is_urgent: bool) -> bool:
        shared, now_ms = self._shared, self._shared.wall_ms()
        if shared.pause.until_ms > now_ms:
            wait = (shared.pause.until_ms - now_ms) / 1000
            self._condition.wait("partner_pauses", shared.pause.why, wait)
            return False
        if shared.budget.is_worn_out(state.runs):
            self._condition.block(*worn_out(state.runs))
            return False
        free_at = shared.budget.free_at(self._audience.audience, now_ms, is_urgent=is_urgent)
        if free_at > now_ms:
            wait = min(60.0, (free_at - now_ms) / 1000)
            self._condition.wait("budget", SPENT, wait)
        return free_at <= now_ms

    def _is_busy(self, listed: Sequence[Run]) -> bool:
        over = told_ends(self._shared.journal.runs(self._audience.audience))
        return any(goes_on(run, self._shared.wall_ms(), over=over) for run in listed)

    # What the partner says

    async def _is_free(self, state: AudienceState, window: Window) -> bool:
        """Whether no run of the audience goes on, and none ever had this window."""
        shared, name = self._shared, self._audience.audience
        listed = await shared.runs.list(name)
        if isinstance(listed, NotYet):
            self._not_listed(listed)
            return False
        late = late_run(state, listed)
        if late is not None:
            lost, run = late
            decide(state.state, LateRun())
            step = adopted(
                state, lost, shared.journal.run(name, lost.n), run.run_id, shared.wall_ms()
            )
            await shared.journal.write(name, step)
            return False
        found = _of_window(listed, window)
        if found is not None:
            await self._take_found(state, window, found)
            return False
        if self._is_busy(listed):
            self._condition.wait("another_run", "another run goes on", BUSY_SECONDS)
            return False
        return True

    def _not_listed(self, why: NotYet) -> None:
        if why.cause is not None:
            self._condition.block(why.cause, why.detail)
        else:
            self._condition.failed("runs_not_listed", why.detail)

    async def _take_found(self, state: AudienceState, window: Window, found: Run) -> None:
        """Handle a run of our window: we took it for refused, or somebody else started it."""
        shared, name = self._shared, self._audience.audience
        assert state.file is not None
        asked_for = shared.journal.runs(name).get(state.file.n)
        if asked_for is None or asked_for.window != window:
            await self._claim(state)
            return
        decide(state.state, LateRun())
        step = started_after_all(state, asked_for, found.run_id, shared.wall_ms())
        await shared.journal.write(name, step)

    async def _post(self, state: AudienceState, window: Window, is_urgent: bool) -> None:
        """Make the payment durable, and only then ask for the run."""
        shared, name = self._shared, self._audience.audience
        if not self._may_be_paid(state, is_urgent) or not shared.lease.is_held:
            return
        now_ms = shared.wall_ms()
        decide(state.state, MayStart())
        step = intended(state, name, window, now_ms, contract=shared.runs.contract)
        state = await shared.journal.write(name, step)
        answer: RunAnswer = NotSent("it took too long to write down the charge")
        if shared.wall_ms() - now_ms < STALE_SECONDS * 1000:
            answer = await shared.runs.start(name, window, shared.lease)
        await self._take(state, answer)

    async def _take(self, state: AudienceState, answer: RunAnswer) -> None:
        shared, name = self._shared, self._audience.audience
        assert state.run_n is not None
        assert state.window is not None
        run = shared.journal.run(name, state.run_n)
        event, run_id = await self._event(state.window, answer)
        match decide(state.state, event).state:
            case "running":
                assert run_id is not None
                step = started(state, run, run_id, shared.wall_ms())
                await shared.journal.write(name, step)
                self._condition.fine()
            case "uploaded":
                await shared.journal.write(name, refunded(state, run, shared.wall_ms()))
                self._not_started(event, answer)
            case _:
                self._condition.wait("in_doubt", IN_DOUBT, 0.0)

    async def _event(self, window: Window, answer: RunAnswer) -> tuple[Event, str | None]:
        """Return the event that an answer means; the list tells the kind of a refusal."""
        match answer:
            case RunStarted(run_id):
                return answer, run_id
            case RunRefused():
                listed = await self._shared.runs.list(self._audience.audience)
                if isinstance(listed, NotYet):
                    return Refused(is_busy=True), None
                found = _of_window(listed, window)
                if found is not None:
                    return Listed(), found.run_id
                return Refused(is_busy=self._is_busy(listed)), None
            case BudgetSpent() | Throttled() | Blocked() | NotSent() | InDoubt():
                return answer, None
            case _:
                assert_never(answer)

    def _not_started(self, event: Event, answer: RunAnswer) -> None:
        """Show why no run was started, and wait as long as the reason needs."""
        condition, pause = self._condition, self._shared.pause
        match event, answer:
            case _, BudgetSpent(detail, wait):
                seconds = wait or SPENT_SECONDS
                pause.told(self._shared.wall_ms(), seconds, detail)
                condition.wait("partner_pauses", detail, seconds + BEHIND_SECONDS)
            case _, Throttled(wait):
                pause.told(self._shared.wall_ms(), wait or THROTTLED_SECONDS, "too many requests")
                condition.wait("throttled", "too many requests", wait or THROTTLED_SECONDS)
            case _, Blocked(cause, detail):
                condition.block(cause, detail)
            case Refused(False), RunRefused(detail):
                condition.block("run_refused", detail)
            case Refused(True), RunRefused(detail):
                # The other run may be of this very window, and the list may be late by this much.
                condition.wait("another_run", detail, ABSENT_SECONDS)
            case _, NotSent(detail):
                condition.failed("not_sent", detail)
            case _:
                pass


def _of_window(listed: Sequence[Run], window: Window) -> Run | None:
    return next((run for run in listed if run.window == window), None)
