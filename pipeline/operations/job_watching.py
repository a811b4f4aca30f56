"""What the partner says of one job: asked once, or at growing intervals until it ends."""

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
    raise OperationFailed(refusal(name, said))


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

        async def ask() -> JobReport | NotYet:
            said = await control.job(apis[name], job_id)
            return said if isinstance(said, JobReport) else _not_yet(name, said)

        clock = asyncio.get_running_loop().time
        following = _following(settings, name)
        return await watched(ask, following, told=told, sleep=asyncio.sleep, now=clock)


def _following(settings: Settings, name: str) -> Following:
    """How the configuration follows the jobs of a destination."""
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
    """What is worth asking again.

    Raises:
        OperationFailed: the partner would only say the same again.
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
    """The report that ends the job.

    Raises:
        OperationFailed: patience ran out.
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
    """How long to go on asking after such an answer, seconds."""
    is_missing = isinstance(said, NotYet) and said.is_missing
    return following.missing_tolerated if is_missing else following.give_up_after
