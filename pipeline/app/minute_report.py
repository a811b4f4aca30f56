"""One log line a minute for each lane with something to say, and for each reason of dead letters.

Metrics show it too; a log is what is at hand when there is no Prometheus.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import structlog

from pipeline.app.assembly import Pipeline
from pipeline.domain.change import Action
from pipeline.domain.message import StageName
from pipeline.domain.reasons import RejectedReason
from pipeline.stages.upload.worker import UploadWorker

REPORT_SECONDS = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLook:
    """One lane of this process as it is now."""

    name: str
    """<destination>.<connection>"""
    accepted: int
    """Records since the process began."""
    waiting: int
    """Records behind the committed offset."""
    cap_used: float
    """Share of the cap in the window that ends now."""
    state: str
    cause: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a process has done so far, and how its lanes are."""

    lanes: Sequence[LaneLook] = ()
    letters: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Dead letters since the process began, by stage and reason."""


async def report_always(look: Callable[[], Look]) -> None:
    """Log until cancelled."""
    before = look()
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        now = look()
        for fields in lane_lines(before, now):
            log.info("lane", **fields)
        for fields in letter_lines(before, now):
            log.warning("dead letters", **fields)
        before = now


def lane_lines(before: Look, now: Look) -> Iterator[Mapping[str, object]]:
    """The fields of each lane that moved, has work, or is not running."""
    accepted = {lane.name: lane.accepted for lane in before.lanes}
    for lane in now.lanes:
        since = lane.accepted - accepted.get(lane.name, 0)
        if since or lane.waiting or lane.state != "running":
            yield {
                "lane": lane.name,
                "state": lane.state,
                "accepted": since,
                "waiting": lane.waiting,
                "cap_used": round(lane.cap_used, 3),
                "cause": lane.cause,
            }


def letter_lines(before: Look, now: Look) -> Iterator[Mapping[str, object]]:
    """The fields of each reason for which dead letters were written since."""
    for (stage, reason), count in now.letters.items():
        since = count - before.letters.get((stage, reason), 0)
        if since:
            yield {"stage": stage, "reason": reason, "dead_letters": since}


def look_at(pipeline: Pipeline) -> Look:
    """The running pipeline, from memory."""
    value = pipeline.telemetry.metrics.value
    return Look(
        lanes=list(_lanes(pipeline)),
        letters={
            (stage, reason): int(
                value("audience_dead_letters_total", stage=stage, reason=reason) or 0
            )
            for stage in get_args(StageName)
            for reason in get_args(RejectedReason)
        },
    )


def _lanes(pipeline: Pipeline) -> Iterator[LaneLook]:
    group = pipeline.groups.get("upload")
    if group is None:
        return
    value = pipeline.telemetry.metrics.value
    for tp, worker in group.workers.items():
        if isinstance(worker, UploadWorker):
            destination, _, connection = worker.name.partition(".")
            labels = {"destination": destination, "connection": connection}
            accepted = [
                value("audience_records_accepted_total", action=action, **labels) or 0
                for action in get_args(Action)
            ]
            used = value("audience_cap_window_records", connection=connection) or 0
            cap = value("audience_cap_limit_records", connection=connection)
            yield LaneLook(
                name=worker.name,
                accepted=int(sum(accepted)),
                waiting=group.leases[tp].lag() or 0,
                cap_used=used / cap if cap else 0.0,
                state=worker.state,
                cause=None if worker.blocked is None else worker.blocked.cause,
            )
