"""From a stored file to a run: what must be true before the partner is asked, and its answer."""

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
"""How long to wait for another run of the audience before the list is looked at again."""
THROTTLED_SECONDS = 30.0
SPENT_SECONDS = 3600.0
"""How often to try whether the partner's own limit of runs is over."""
BEHIND_SECONDS = 600.0
"""The audience that was told so tries so much later than others: it may be about it alone."""
OLD_SECONDS = 6 * 3600.0
WITHDRAWN_SECONDS = 900.0
"""A file that has waited so long makes way for one without those who withdrew since.

A younger one goes: where somebody withdraws every minute, there would else be no run at all.
"""
STALE_SECONDS = 60.0
"""A run that could not be written down for so long is not asked for: the charge is too old."""


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
        """Whether no guard holds the file, or a person or time released it."""
        if state.hold is None or self._shared.journal.is_approved(self._audience.audience):
            return True
        at_ms = released_at(state.hold)
        return at_ms is not None and at_ms <= self._shared.wall_ms()

    async def start(self, state: AudienceState, *, is_urgent: bool, has_withdrawals: bool) -> None:
        """One attempt; returns with the state changed, or with what to wait for in the condition.

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
        """The file is not to be used: another one, with another window, takes its place."""
        journal, name = self._shared.journal, self._audience.audience
        decide(state.state, FileGone())
        # The claim is the answer to an operator's request, and so must be as urgent as that.
        is_urgent = state.is_urgent or journal.is_asked_for(name)
        now_ms, folder = self._shared.wall_ms(), self._audience.folder
        await journal.write(name, claimed(state, now_ms, is_urgent=is_urgent, folder=folder))
        self._condition.fine()

    def _is_old(self, file: SnapshotFile, *, has_withdrawals: bool) -> bool:
        """Whether it waited so long for its run that a newer one would say more."""
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
        """No run of the audience goes on, and none ever had this window."""
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
        """Our window has a run: one that we took for refused, or somebody else's."""
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
        """Pay, durably, and only then ask."""
        shared, name = self._shared, self._audience.audience
        if not self._may_be_paid(state, is_urgent) or not shared.lease.is_held:
            return
        now_ms = shared.wall_ms()
        decide(state.state, MayStart())
        step = intended(state, name, window, now_ms, contract=shared.runs.contract)
        state = await shared.journal.write(name, step)
        answer: RunAnswer = NotSent("it took too long to write down what it costs")
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
        """What the answer comes to; of a refusal the list says which kind it is."""
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
        """Show why, and wait as long as it needs."""
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
                # So long may the list be late, should it be a run of this very window that goes on.
                condition.wait("another_run", detail, ABSENT_SECONDS)
            case _, NotSent(detail):
                condition.failed("not_sent", detail)
            case _:
                pass


def _of_window(listed: Sequence[Run], window: Window) -> Run | None:
    return next((run for run in listed if run.window == window), None)
