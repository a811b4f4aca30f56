"""Runs the stages until a signal, drains them, and returns an exit code for the result."""

import asyncio
import signal
from collections.abc import Coroutine, Mapping
from typing import TextIO

import structlog

from pipeline.app import garbage, status
from pipeline.app.assembly import Pipeline
from pipeline.app.exit_code import ExitCode
from pipeline.domain.message import StageName
from pipeline.kafka.cluster import unless

WATCH_SECONDS = 5.0
HARD_STOP_SECONDS = 3.0
"""Time after the grace period, for the last commit and for leaving the groups."""

log = structlog.get_logger(__name__)


class Stuck(Exception):
    """Raised by the watchdog."""


async def supervise(pipeline: Pipeline, stop: asyncio.Event, *, admin_port: int) -> ExitCode:
    """Run every stage until `stop`, or until one of them fails; a failure is raised.

    A soft stop lets requests in flight finish within the grace period; then comes the hard stop.
    """
    log.info("running", stages=list(pipeline.groups), admin_port=admin_port)
    code = ExitCode.STUCK
    garbage.settle()
    try:
        code = await _run_groups(pipeline, stop)
    except* Stuck:
        pass
    return code


async def _run_groups(pipeline: Pipeline, stop: asyncio.Event) -> ExitCode:
    loop = asyncio.get_running_loop()
    grace = pipeline.settings.run.grace_seconds
    try:
        async with asyncio.timeout(None) as deadline, asyncio.TaskGroup() as tasks:

            async def arm_deadline() -> None:
                await stop.wait()
                deadline.reschedule(loop.time() + grace + HARD_STOP_SECONDS)

            helpers = [
                tasks.create_task(work, name=name) for name, work in _beside(pipeline).items()
            ]
            helpers.append(tasks.create_task(arm_deadline(), name="deadline"))
            runs = [
                tasks.create_task(_run_group(pipeline, name, stop), name=f"group {name}")
                for name in pipeline.groups
            ]
            await asyncio.wait(runs, return_when=asyncio.ALL_COMPLETED)
            for helper in helpers:
                helper.cancel()
    except TimeoutError:
        log.warning("cut off", after_seconds=grace)
        return ExitCode.CUT_OFF
    drained = all(run.result() for run in runs)
    log.info("stopped", drained=drained)
    return ExitCode.DRAINED if drained else ExitCode.CUT_OFF


async def _run_group(pipeline: Pipeline, name: StageName, stop: asyncio.Event) -> bool:
    """Run one stage once it may; return whether everything in flight has ended."""
    if name == "ingest":
        await unless(stop, pipeline.ingest_gate.opened())
    return stop.is_set() or await pipeline.groups[name].run(stop)


def _beside(pipeline: Pipeline) -> Mapping[str, Coroutine[None, None, None]]:
    """Return the work that runs beside the stages."""
    works = {
        "watchdog": _watch(pipeline),
        "lag reports": pipeline.lag_reports.report_always(),
    }
    if pipeline.controls is not None:
        works["controls"] = pipeline.controls.follow()
    return works


async def _watch(pipeline: Pipeline) -> None:
    """End the process when a part with work makes no progress: a restart may mend it."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        report = status.health(pipeline)
        if not report.ok:
            log.error("watchdog", reasons=list(report.reasons))
            raise Stuck


def stop_on_signals(stop: asyncio.Event, errors: TextIO, at_most: float | None = None) -> None:
    """Let SIGTERM and SIGINT ask for a soft stop; a SIGINT after the second ends the process.

    `at_most` seconds after a signal the process ends in any case: some waits of the Kafka
    client ignore a cancellation, and then the event loop never closes.
    """
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            errors.write("already stopping; another Ctrl-C ends the process at once\n")
        stop.set()
        if at_most is not None:
            signal.setitimer(signal.ITIMER_REAL, at_most)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
