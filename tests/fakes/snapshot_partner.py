"""A partner that ingests files: keeps runs, refuses a second one, answers late or never."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from pipeline.destinations.snapshots import (
    BudgetSpent,
    Run,
    RunAnswer,
    RunRefused,
    RunStarted,
    Window,
)
from pipeline.domain.job import JobEnd, JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent, Throttled
from pipeline.stages.ports import Ownership
from tests.fakes.snapshot_storage import FakeStorage

DAY = 86_400.0
EMPTY = '""'
"""The row of a file without members."""
MISSING = NotYet("404: no such thing", is_missing=True, cause="not_found")
PENDING = JobReport(state="PROCESSING", end="pending")


@dataclass(slots=True, kw_only=True)
class RunMoods:
    """How likely each misbehaviour is, and how slow the partner is."""

    not_sent: float = 0.0
    throttled: float = 0.0
    lost: float = 0.0
    """Answers nothing, and does nothing."""
    silent: float = 0.0
    """Answers nothing, and starts the run at once."""
    late: float = 0.0
    """Answers nothing, and starts the run after a while."""
    fails: float = 0.0
    unlisted: float = 0.0
    """The list, or a status, cannot be had now."""
    latest: float = 200.0
    listed_after: float = 0.0
    """A run stands in the list so much later, at most."""
    longest_run: float = 300.0
    answer: float = 1.0


@dataclass(slots=True, kw_only=True)
class FakeRun:
    """One run of the partner."""

    run_id: str
    audience: str
    window: Window
    began: float
    ends: float
    end: JobEnd
    listed_from: float
    files: list[str] = field(default_factory=list)


class FakePartner:
    """Its clock is the loop's; a file replaces the audience when its run ends well."""

    def __init__(self, random: Random, storage: FakeStorage, tasks: asyncio.TaskGroup) -> None:
        self._random = random
        self._storage = storage
        self._tasks = tasks
        self.moods = RunMoods()
        self.limit = 1000
        self.runs: list[FakeRun] = []
        self.members: dict[str, frozenset[str]] = {}
        self.arrived: list[tuple[float, str, Window]] = []
        """Every request that was not surely refused."""
        self.unions: list[str] = []
        """Runs that found more than one file in their window."""
        self.overlapping: list[str] = []
        """Requests that came while a run of the audience stood in the list, going on."""
        self.early: list[Window] = []
        """Asked for before they were over by the storage's clock."""
        self.folders: dict[str, str] = {}
        self.unknown: set[str] = set()
        """Audiences that it does not know any more."""
        self.contract = "new"
        """By which it is spoken to now."""
        self.contracts: dict[str, str] = {}
        """By which each run was started; by another one it is not found."""

    async def start(self, audience: str, window: Window, ownership: Ownership) -> RunAnswer:
        await self._takes_time()
        if not ownership.is_held or self._lucky(self.moods.not_sent):
            return NotSent("did not leave")
        if self._lucky(self.moods.throttled):
            return Throttled(None)
        return await self._arrive(audience, window)

    async def _arrive(self, audience: str, window: Window) -> RunAnswer:
        now = _now()
        if audience in self.unknown:
            return Blocked("not_found", "404: no such audience")
        going_on = [run for run in self._of(audience) if run.ends > now]
        if any(run.listed_from <= now for run in going_on):
            self.overlapping.append(audience)
        if going_on:
            return RunRefused("400: another run is going on")
        if sum(run.began > now - DAY for run in self.runs) >= self.limit:
            return BudgetSpent("limit of the day")
        self.arrived.append((now, audience, window))
        if self._storage.time() <= window.end_s:
            self.early.append(window)
        if self._lucky(self.moods.lost):
            return InDoubt("timeout")
        if self._lucky(self.moods.late):
            self._tasks.create_task(self._begin_late(audience, window))
            return InDoubt("timeout")
        run = self._begin(audience, window)
        await self._takes_time()
        return InDoubt("reset") if self._lucky(self.moods.silent) else RunStarted(run.run_id)

    async def _begin_late(self, audience: str, window: Window) -> None:
        await asyncio.sleep(self._random.uniform(0, self.moods.latest))
        if not any(run.ends > _now() for run in self._of(audience)):
            self._begin(audience, window)

    def _begin(self, audience: str, window: Window) -> FakeRun:
        now = _now()
        run = FakeRun(
            run_id=f"run-{len(self.runs)}",
            audience=audience,
            window=window,
            began=now,
            ends=now + self._random.uniform(1, self.moods.longest_run),
            end="failed" if self._lucky(self.moods.fails) else "applied",
            listed_from=now + self._random.uniform(0, self.moods.listed_after),
        )
        self.runs.append(run)
        self.contracts[run.run_id] = self.contract
        self._tasks.create_task(self._ingest(run))
        return run

    async def _ingest(self, run: FakeRun) -> None:
        """The files are looked for when the run begins; what they say counts when it ends."""
        found = {
            file.path: self._storage.content(file.path)
            for file in self._storage.visible(self.folders[run.audience])
            if run.window.start_s < file.modified_s < run.window.end_s
        }
        run.files = list(found)
        if len(found) > 1:
            self.unions.append(run.run_id)
        await asyncio.sleep(run.ends - _now())
        if run.end == "applied" and found:
            [*_, content] = found.values()
            self.members[run.audience] = frozenset(content.decode().split("\n")[1:-1]) - {EMPTY}

    async def list(self, audience: str) -> Sequence[Run] | NotYet:
        await self._takes_time()
        if audience in self.unknown:
            return MISSING
        if self._lucky(self.moods.unlisted):
            return NotYet("503")
        now = _now()
        return [
            Run(run.run_id, run.window, self._report(run), run.began)
            for run in reversed(self._of(audience))
            if run.listed_from <= now
        ]

    async def ask(self, audience: str, run_id: str, contract: str | None) -> JobReport | NotYet:
        await self._takes_time()
        if audience in self.unknown or contract not in (None, self.contracts.get(run_id, contract)):
            return MISSING
        if self._lucky(self.moods.unlisted):
            return NotYet("503")
        [run] = [one for one in self._of(audience) if one.run_id == run_id]
        return self._report(run)

    def _report(self, run: FakeRun) -> JobReport:
        return PENDING if run.ends > _now() else JobReport(state=run.end.upper(), end=run.end)

    def _of(self, audience: str) -> Sequence[FakeRun]:
        return [run for run in self.runs if run.audience == audience]

    def _lucky(self, chance: float) -> bool:
        return self._random.random() < chance

    async def _takes_time(self) -> None:
        await asyncio.sleep(self._random.uniform(0, self.moods.answer))

    def most_in_a_day(self) -> int:
        """The most requests that may have begun a run, in any 24 hours."""
        ats = sorted(at for at, _, _ in self.arrived)
        return max((sum(end - DAY < at <= end for at in ats) for end in ats), default=0)

    def windows_run_twice(self) -> Sequence[tuple[str, Window]]:
        """Windows for which more than one request came that was not surely refused."""
        came = [(audience, window) for _, audience, window in self.arrived]
        return [one for one in set(came) if came.count(one) > 1]


def _now() -> float:
    return asyncio.get_running_loop().time()
