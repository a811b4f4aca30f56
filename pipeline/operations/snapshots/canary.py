"""Tests on a live account whether a member who is missing from the next file leaves the audience.

The first step makes an audience and ingests a file with two invented people. The second step
ingests a file with one of them. After each step a person looks up the number of profiles.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import snapshot_audience, snapshots_of, targets_at
from pipeline.destinations.control import Api, CommandFailed, ControlPlane, InProgress, Made
from pipeline.destinations.exchange import Response
from pipeline.destinations.registry import PARTNERS
from pipeline.destinations.snapshots import RunStarted, SnapshotAudience, Snapshots, Window
from pipeline.domain.job import JobReport, NotYet
from pipeline.operations.moments import moment
from pipeline.operations.partner_api import partner_apis, refusal
from pipeline.operations.snapshots.audiences import chosen_snapshot_destinations
from pipeline.operations.snapshots.storage import opened_storage
from pipeline.operations.trouble import OperationFailed, UsageRefused
from pipeline.stages.snapshot.ports import FileStorage, StorageRefused, StorageUnavailable

NAME = "audience-pipeline canary"
ASK_SECONDS = 30.0

Sleep = Callable[[float], Awaitable[None]]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStep:
    """A file of the canary that the partner has ingested."""

    destination: str
    audience_id: str
    members: int
    """The number of members in the file."""
    run_id: str
    ingested_at: str
    look_after: str
    """The time by which the file shows everywhere at the partner, by its documentation."""


async def first_canary(
    settings: Settings, destination: str | None, tell: Tell, sleep: Sleep = asyncio.sleep
) -> CanaryStep:
    """Make the audience and ingest a file with both people.

    Raises:
        UsageRefused: no destination can be tested. OperationFailed, CommandFailed: the test failed;
        the message says at which step. LoginFailed and others, as every command.
    """
    name = _destination(settings, destination)
    target, people = _canary_of(settings, name)
    control = PARTNERS[settings.destinations[name].kind].control
    if control is None:
        raise UsageRefused(f"--destination: this program cannot make audiences of {name}")
    async with partner_apis(settings) as apis:
        made = await _made(apis[name], control(settings.destinations[name]), target)
        tell(f"audience {made} ({NAME}) is there")
        return await _ingested(
            settings, apis[name], target.with_audience(made), people, tell, sleep
        )


async def second_canary(
    settings: Settings,
    destination: str | None,
    audience_id: str,
    tell: Tell,
    sleep: Sleep = asyncio.sleep,
) -> CanaryStep:
    """Ingest a file with one of the two people into the audience that `first_canary` made.

    Raises:
        As `first_canary`.
    """
    name = _destination(settings, destination)
    target, people = _canary_of(settings, name)
    async with partner_apis(settings) as apis:
        target = target.with_audience(audience_id)
        return await _ingested(settings, apis[name], target, people[:1], tell, sleep)


def _destination(settings: Settings, destination: str | None) -> str:
    there = chosen_snapshot_destinations(settings, destination)
    if len(there) > 1:
        raise UsageRefused(f"--destination: which one? There are {', '.join(there)}")
    return there[0]


def _canary_of(settings: Settings, name: str) -> tuple[Any, tuple[str, str]]:
    canary = PARTNERS[settings.destinations[name].kind].canary
    targets = targets_at(settings, name)
    if canary is None or not targets:
        raise UsageRefused(f"audiences: none goes to {name}, so there is no identity to test with")
    return canary(targets[0])


async def _made(api: Api, control: ControlPlane[Any], target: Any) -> str:
    """The id of the canary's audience; creates the audience if it does not exist.

    Raises:
        CommandFailed: the audience was not made, or the partner did not say.
    """
    steps = await control.plan(api, target, None, NAME)
    if not isinstance(steps, Sequence):
        raise CommandFailed(refusal(api.destination, steps))
    [step] = [one for one in steps if one.what == "create"]
    made = await control.apply(api, step)
    if isinstance(made, InProgress):
        made = await control.apply(api, replace(step, operation=made.operation))
    match made:
        case Made(audience_id):
            return audience_id
        case InProgress(operation, detail):
            raise CommandFailed(f"{detail} (operation {operation}); begin the canary again later")
        case _:
            raise CommandFailed(refusal(api.destination, made))


async def _ingested(
    settings: Settings,
    api: Api,
    target: Any,
    people: Sequence[str],
    tell: Tell,
    sleep: Sleep,
) -> CanaryStep:
    name = api.destination
    snapshots = snapshots_of(settings, name, PARTNERS)
    audience = snapshot_audience(settings, target, NAME, PARTNERS)
    try:
        async with opened_storage(api, snapshots) as storage:
            run = CanaryRun(api, snapshots, storage, sleep, tell)
            run_id = await run.ingest(audience, people)
    except (StorageRefused, StorageUnavailable) as trouble:
        raise OperationFailed(f"destinations.{name}.storage: {trouble}") from trouble
    now_ms = time.time_ns() // 1_000_000
    return CanaryStep(
        destination=name,
        audience_id=audience.audience,
        members=len(people),
        run_id=run_id,
        ingested_at=moment(now_ms),
        look_after=moment(now_ms + int(snapshots.rules.usable_after * 1000)),
    )


class CanaryRun:
    """Stores one file, and follows its run until the end."""

    def __init__(
        self, api: Api, snapshots: Snapshots, storage: FileStorage, sleep: Sleep, tell: Tell
    ) -> None:
        self._api = api
        self._snapshots = snapshots
        self._storage = storage
        self._sleep = sleep
        self._tell = tell

    async def ingest(self, audience: SnapshotAudience, people: Sequence[str]) -> str:
        """Ingest a file with these people; returns the id of the run once it has succeeded.

        Raises:
            CommandFailed: the run was not started, or failed.
            StorageRefused, StorageUnavailable: the file could not be stored.
        """
        window = await self._stored(audience, people)
        answer = await self._api.call(self._snapshots.compose_run(audience.audience, window))
        started = self._snapshots.interpret_run(answer) if isinstance(answer, Response) else answer
        if not isinstance(started, RunStarted):
            raise CommandFailed(
                f"audience {audience.audience}: the run was not started, or it is not known: "
                f"{getattr(started, 'detail', started)}; first look at its runs at the partner"
            )
        self._tell(f"run {started.run_id} began")
        await self._ended(audience.audience, started.run_id)
        return started.run_id

    async def _stored(self, audience: SnapshotAudience, people: Sequence[str]) -> Window:
        """Store the file; returns a window of time that contains no other file."""
        for old in await self._storage.files(audience.folder):
            await self._storage.delete(old.path)
        now_s = await self._storage.now_s()
        margin = self._snapshots.rules.window_margin
        path = f"{audience.folder}/canary-{int(now_s)}-{len(people)}.csv"
        file = await self._storage.put(path, self._pieces(audience, people))
        window = Window(
            start_s=floor(file.modified_s) - margin, end_s=ceil(file.modified_s) + margin
        )
        self._tell(f"file {path} with {len(people)} members is stored")
        while await self._storage.now_s() <= window.end_s:
            await self._sleep(1.0)
        return window

    async def _pieces(
        self, audience: SnapshotAudience, people: Sequence[str]
    ) -> AsyncIterator[bytes]:
        yield audience.header + b"".join(self._snapshots.row(one, ()) for one in people)

    async def _ended(self, audience: str, run_id: str) -> None:
        while True:
            await self._sleep(ASK_SECONDS)
            report = await self._asked(audience, run_id)
            if isinstance(report, JobReport) and report.is_terminal:
                break
            said = report.state if isinstance(report, JobReport) else report.detail
            self._tell(f"run {run_id}: {said or 'not ended'}; asking again in {ASK_SECONDS:.0f} s")
        if report.end != "applied":
            raise CommandFailed(f"run {run_id} of audience {audience} ended {report.state}")

    async def _asked(self, audience: str, run_id: str) -> JobReport | NotYet:
        answer = await self._api.call(self._snapshots.compose_status(audience, run_id))
        if isinstance(answer, Response):
            return self._snapshots.interpret_status(answer)
        return NotYet(answer.detail)
