"""Asks the partner about one job: once, or at growing intervals until the job ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.configuration.model import Settings
from pipeline.destinations.changes import Changes, Following
from pipeline.destinations.control import ControlPlane, Declined, Unanswered
from pipeline.destinations.registry import PARTNERS
from pipeline.domain.job import JobReport, NotYet
from pipeline.domain.send_result import Blocked, InDoubt, NotSent
from pipeline.operations.partner_api import (
    chosen_destination,
    control_of,
    partner_apis,
    refusal,
)
from pipeline.operations.trouble import OperationFailed, UsageRefused

Told = Callable[[JobReport | NotYet, float], None]
"""Called with every report but the last, and the seconds until the next one."""


async def show_job(settings: Settings, destination: str | None, job_id: str) -> JobReport:
    """Ask the partner once for its report on a job.

    Raises:
        UsageRefused: the destination is not clear.
        OperationFailed: the partner knows no such job, or did not answer.
    """
    name = chosen_destination(settings, destination)
    control = _control(settings, name)
    async with partner_apis(settings) as apis:
        said = await control.job(apis[name], job_id)
    if isinstance(said, JobReport):
        return said
    raise OperationFailed(refusal(name, said))


async def watch_job(
    settings: Settings, destination: str | None, job_id: str, told: Told
) -> JobReport:
    """Ask at the configured intervals until the job ends; returns the last report.

    Raises:
        UsageRefused: the destination is not clear.
        OperationFailed: the partner refused to tell, or the time to give up has come.
    """
    name = chosen_destination(settings, destination)
    control = _control(settings, name)
    async with partner_apis(settings) as apis:

        async def ask() -> JobReport | NotYet:
            said = await control.job(apis[name], job_id)
            return said if isinstance(said, JobReport) else _not_yet(name, said)

        clock = asyncio.get_running_loop().time
        following = _following(settings, name)
        return await watched(ask, following, told=told, sleep=asyncio.sleep, now=clock)


def _following(settings: Settings, name: str) -> Following:
    """The configured intervals for the jobs of a destination."""
    destination = settings.destinations[name]
    delivery = PARTNERS[destination.kind].delivery(destination, ())
    if not isinstance(delivery, Changes) or delivery.jobs is None:
        raise UsageRefused(f"--destination: {name!r} has no jobs")
    return delivery.jobs.following


def _control(settings: Settings, name: str) -> ControlPlane[Any]:
    control = control_of(settings, name)
    if control is None:
        raise UsageRefused(f"--destination: the partner of {name!r} shows no jobs")
    return control


def _not_yet(destination: str, said: Unanswered) -> NotYet:
    """Turn an answer that may be different next time into a `NotYet`.

    Raises:
        OperationFailed: the partner would answer the same again.
    """
    why = refusal(destination, said)
    match said:
        case Declined(status=404):
            # Right after an upload the partner may not know its job yet.
            return NotYet(why, is_missing=True)
        case Declined(status=status) if status in (408, 429) or status >= 500:
            return NotYet(why)
        case NotSent() | InDoubt():
            return NotYet(why)
        case Declined() | Blocked():
            raise OperationFailed(why)


async def watched(
    ask: Callable[[], Awaitable[JobReport | NotYet]],
    following: Following,
    *,
    told: Told,
    sleep: Callable[[float], Awaitable[None]],
    now: Callable[[], float],
) -> JobReport:
    """Ask until the job ends; returns the last report.

    Raises:
        OperationFailed: the time to give up has come.
    """
    began = now()
    pause = following.first
    while True:
        said = await ask()
        if isinstance(said, JobReport) and said.is_terminal:
            return said
        if now() - began >= _patience(following, said):
            state = said.state if isinstance(said, JobReport) else said.detail
            raise OperationFailed(f"the job has not ended, and is given up: {state}")
        told(said, pause)
        await sleep(pause)
        pause = min(following.longest, pause * following.factor)


def _patience(following: Following, said: JobReport | NotYet) -> float:
    """How many seconds to go on asking after this answer."""
    is_missing = isinstance(said, NotYet) and said.is_missing
    return following.missing_tolerated if is_missing else following.give_up_after
