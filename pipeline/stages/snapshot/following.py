"""Finds a run that was asked for, follows it to its end, and says what the partner has."""

import asyncio
from collections.abc import Sequence
from typing import get_args

from pipeline.destinations.snapshots import Run, SnapshotAudience
from pipeline.domain.change import Action
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import BlockCause
from pipeline.stages.snapshot.absence import absent, absent_seconds
from pipeline.stages.snapshot.changes_watch import Watched
from pipeline.stages.snapshot.condition import IN_DOUBT, AudienceCondition
from pipeline.stages.snapshot.files import path_of
from pipeline.stages.snapshot.run_records import GIVE_UP_SECONDS, AudienceState
from pipeline.stages.snapshot.shared import SharedByAudiences
from pipeline.stages.snapshot.states import Absent, LateRun, Listed, RunEnded, decide
from pipeline.stages.snapshot.transitions import (
    GIVEN_UP,
    Transition,
    adopted,
    burnt,
    ended,
    is_last,
    late_run,
    started,
)
from pipeline.telemetry.facts import RunEnd

_STAYS = (
    "we may have asked for a run, so we look for it until the partner shows its list again, or the "
    "audience leaves the configuration"
)
_OF_ANSWERS = frozenset({"run_not_told", *get_args(BlockCause)})
"""Causes that come from the partner's answers; an answer ends no other cause."""


class RunFollowing:
    """Follows the runs of one audience."""

    def __init__(
        self,
        shared: SharedByAudiences,
        audience: SnapshotAudience,
        watched: Watched,
        condition: AudienceCondition,
    ) -> None:
        self._shared = shared
        self._audience = audience
        self._watched = watched
        self._condition = condition

    async def look(self, state: AudienceState) -> None:
        """Find in the partner's list a run that may have been asked for, or burn its window.

        This method never asks for a run: the partner has no key to recognise a second request.

        Raises:
            Fenced: there is another owner now.
        """
        shared, name = self._shared, self._audience.audience
        first_at: float | None = None
        while True:
            listed = await self._listed()
            if listed is None:
                continue
            found = next((one for one in listed if one.window == state.window), None)
            if found is not None:
                await self._found(state, found.run_id)
                return
            now_ms = shared.wall_ms()
            first_at = _now() if first_at is None else first_at
            seconds = absent_seconds(state, _now() - first_at, now_ms)
            event = Absent(state.absent_lists + 1, seconds)
            if decide(state.state, event).state == "burnt":
                await self._burn(state)
                return
            self._condition.wait("in_doubt", IN_DOUBT, 0.0)
            after = absent(state, now_ms)
            if after is not state:
                state = await shared.journal.write(name, Transition(after))
            await asyncio.sleep(shared.rules.poll)

    async def _listed(self) -> Sequence[Run] | None:
        """Return the partner's list; None where it gave none, after a wait before the next try."""
        shared = self._shared
        listed = await shared.runs.list(self._audience.audience)
        if not isinstance(listed, NotYet):
            return listed
        if listed.cause is not None:
            # The answer says nothing of the run, so the state stays: a person may mend the cause.
            self._condition.block(listed.cause, f"{listed.detail}; {_STAYS}")
        else:
            self._condition.wait("runs_not_listed", listed.detail, shared.rules.poll)
        await asyncio.sleep(max(shared.rules.poll, listed.wait or 0.0))
        return None

    async def _found(self, state: AudienceState, run_id: str) -> None:
        shared, name = self._shared, self._audience.audience
        assert state.run_n is not None
        decide(state.state, Listed())
        run = shared.journal.run(name, state.run_n)
        await shared.journal.write(name, started(state, run, run_id, shared.wall_ms()))
        self._condition.fine()

    async def _burn(self, state: AudienceState) -> None:
        shared, name = self._shared, self._audience.audience
        assert state.run_n is not None
        run = shared.journal.run(name, state.run_n)
        await shared.journal.write(name, burnt(state, run, shared.wall_ms()))
        self._run_ended("burnt")
        await self.delete_burnt(state.run_n)
        self._condition.fine()

    async def delete_burnt(self, n: int) -> None:
        """Delete the file of a burnt window: a run that begins late must find nothing.

        Raises:
            StorageUnavailable, StorageRefused: the storage cannot be asked.
        """
        await self._shared.storage.delete(path_of(self._audience.folder, n))

    async def look_for_late_run(self, state: AudienceState) -> None:
        """Look for a listed run of a burnt window; if there is one, follow it like any other.

        Raises:
            Fenced: there is another owner now.
        """
        shared, name = self._shared, self._audience.audience
        listed = await shared.runs.list(name)
        late = None if isinstance(listed, NotYet) else late_run(state, listed)
        if late is None:
            return
        lost, run = late
        decide(state.state, LateRun())
        step = adopted(state, lost, shared.journal.run(name, lost.n), run.run_id, shared.wall_ms())
        await shared.journal.write(name, step)

    async def poll(self, state: AudienceState) -> None:
        """Ask until the run has ended, and write down how it ended.

        Raises:
            Fenced: there is another owner now.
        """
        shared, name = self._shared, self._audience.audience
        assert state.run_id is not None
        assert state.run_n is not None
        contract = shared.journal.run(name, state.run_n).contract
        told: JobReport | None = None
        while True:
            answer: JobReport | NotYet | Sequence[Run]
            if told is None:
                answer = await shared.runs.ask(name, state.run_id, contract)
                told = answer if isinstance(answer, JobReport) and answer.is_terminal else None
            if told is not None:
                # The partner told the end. Only its list is missing, so ask for that alone.
                answer = await shared.runs.list(name)
                if not isinstance(answer, NotYet):
                    ours = shared.journal.runs(name)
                    last = is_last(state.run_id, answer, shared.wall_ms(), ours=ours)
                    await self._end(state, told, is_last=last and not state.is_adopted)
                    return
            if self._is_given_up(state):
                report = told or JobReport(state=GIVEN_UP, end="pending")
                await self._end(state, report, is_last=False)
                return
            await self._until_next_question(answer)

    async def _until_next_question(self, answer: JobReport | NotYet | Sequence[Run]) -> None:
        shared, wait = self._shared, None
        if isinstance(answer, NotYet):
            wait = answer.wait
            cause = await self._cause_in_list() if answer.is_missing else answer.cause
            if cause is not None:
                self._condition.block(cause, answer.detail)
            else:
                self._condition.wait("run_not_told", answer.detail, shared.rules.poll)
        elif self._condition.cause in _OF_ANSWERS:
            self._condition.fine()
        await asyncio.sleep(max(shared.rules.poll, wait or 0.0))

    async def _cause_in_list(self) -> BlockCause | None:
        """Return what a person must mend; None where only this run is missing."""
        listed = await self._shared.runs.list(self._audience.audience)
        return listed.cause if isinstance(listed, NotYet) else None

    def _is_given_up(self, state: AudienceState) -> bool:
        return self._shared.wall_ms() - state.at_ms > GIVE_UP_SECONDS * 1000

    async def _end(self, state: AudienceState, report: JobReport, *, is_last: bool) -> None:
        shared, name = self._shared, self._audience.audience
        assert state.run_n is not None
        end = "unknown" if report.end == "pending" else report.end
        step = decide(state.state, RunEnded(end, is_last))
        is_ingested = "clear_changed" in step.effects
        run = shared.journal.run(name, state.run_n)
        await shared.journal.write(
            name, ended(state, run, report, is_ingested=is_ingested, now_ms=shared.wall_ms())
        )
        self._condition.fine()
        self._run_ended(end)
        if is_ingested:
            self._ingested()

    def _ingested(self) -> None:
        """Note that the partner has the newest file: only later records are changes now."""
        before, since = self._watched.ingested.changes, self._watched.newest
        self._watched.ingested = since
        self._say_freshness("add", before.oldest_add_ms, before.adds - since.changes.adds)
        self._say_freshness(
            "remove", before.oldest_remove_ms, before.removes - since.changes.removes
        )

    def _say_freshness(self, action: Action, oldest_ms: int | None, count: int) -> None:
        if oldest_ms is not None and count > 0:
            seconds = (self._shared.wall_ms() - oldest_ms) / 1000
            self._shared.telemetry.freshness(
                destination=self._shared.destination, action=action, seconds=seconds, count=count
            )

    def _run_ended(self, end: RunEnd) -> None:
        self._shared.telemetry.run_ended(destination=self._shared.destination, end=end)


def _now() -> float:
    return asyncio.get_running_loop().time()
