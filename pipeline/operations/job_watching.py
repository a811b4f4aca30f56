"""What the partner says of one job: asked once, or at growing intervals until it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.destinations.changes import Changes
from pipeline.destinations.control import ControlPlane, Declined, Unanswered
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.job import JobReport
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.operations.partner_api import chosen_destination, control_of, partner_apis
from pipeline.operations.trouble import OperationFailed, UsageRefused


@dataclass(frozen=True, slots=True)
class NoReport:
    """The partner has nothing to say of the job now."""

    detail: str
    is_missing: bool = False
    """It does not know the job: right after the upload that passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what, seconds."""

    initial: float
    factor: float
    longest: float
    give_up_after: float
    missing_tolerated: float

    def allows(self, elapsed: float, said: JobReport | NoReport) -> bool:
        if isinstance(said, NoReport) and said.is_missing:
            return elapsed < self.missing_tolerated
        return elapsed < self.give_up_after


Told = Callable[[JobReport | NoReport, float], None]
"""Hears of every report that is not the last, and when the next one follows."""


async def show_job(settings: Settings, destination: str | None, job_id: str) -> JobReport:
    """What the partner says of a job now.

    Raises:
        UsageRefused: which destination is meant is not clear.
        OperationFailed: the partner knows no such job, or did not answer.
    """
    name = chosen_destination(settings, destination)
    control = _control(settings, name)
    async with partner_apis(settings) as apis:
        said = await control.job(apis[name], job_id)
    if isinstance(said, JobReport):
        return said
    raise OperationFailed(f"destinations.{name}: {_words(said)}")


async def watch_job(
    settings: Settings, destination: str | None, job_id: str, told: Told
) -> JobReport:
    """The report that ends a job, asked for at the intervals of the configuration.

    Raises:
        UsageRefused: which destination is meant is not clear.
        OperationFailed: the partner refused to tell, or patience ran out.
    """
    name = chosen_destination(settings, destination)
    control = _control(settings, name)
    async with partner_apis(settings) as apis:

        async def ask() -> JobReport | NoReport:
            said = await control.job(apis[name], job_id)
            return said if isinstance(said, JobReport) else no_report(name, said)

        clock = asyncio.get_running_loop().time
        patience = patience_of(settings, name)
        return await watched(ask, patience, told=told, sleep=asyncio.sleep, now=clock)


def patience_of(settings: Settings, name: str) -> Patience:
    """How the configuration follows the jobs of a destination."""
    destination = settings.destinations[name]
    delivery = PARTNERS[destination.kind].delivery(destination, ())
    if not isinstance(delivery, Changes) or delivery.jobs is None:
        raise UsageRefused(f"--destination: {name!r} has no jobs")
    following = delivery.jobs.following
    return Patience(
        initial=following.first,
        factor=following.factor,
        longest=following.longest,
        give_up_after=following.give_up_after,
        missing_tolerated=following.missing_tolerated,
    )


def _control(settings: Settings, name: str) -> ControlPlane[Any]:
    control = control_of(settings, name)
    if control is None:
        raise UsageRefused(f"--destination: the partner of {name!r} shows no jobs")
    return control


def no_report(destination: str, said: Unanswered) -> NoReport:
    """What is worth asking again.

    Raises:
        OperationFailed: the partner would only say the same again.
    """
    key = f"destinations.{destination}"
    match said:
        case Declined(status=404):
            return NoReport(f"{key}: {_words(said)}", is_missing=True)
        case Declined(status=status) if status in (408, 429) or status >= 500:
            return NoReport(f"{key}: {_words(said)}")
        case NotSent() | InDoubt():
            return NoReport(f"{key}: {_words(said)}")
        case Declined() | Blocked():
            raise OperationFailed(f"{key}: {_words(said)}")


async def watched(
    ask: Callable[[], Awaitable[JobReport | NoReport]],
    patience: Patience,
    *,
    told: Told,
    sleep: Callable[[float], Awaitable[None]],
    now: Callable[[], float],
) -> JobReport:
    """The report that ends the job.

    Raises:
        OperationFailed: patience ran out.
    """
    began = now()
    pause = patience.initial
    while True:
        said = await ask()
        if isinstance(said, JobReport) and said.is_terminal:
            return said
        if not patience.allows(now() - began, said):
            state = said.state if isinstance(said, JobReport) else said.detail
            raise OperationFailed(f"the job has not ended, and is given up: {state}")
        told(said, pause)
        await sleep(pause)
        pause = min(patience.longest, pause * patience.factor)


def _words(said: Unanswered) -> str:
    return f"{said.said}; {said.remedy}" if isinstance(said, Declined) else said.detail
