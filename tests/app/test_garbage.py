"""The cyclic collector: what lives for good is left out, and what it has to do is bounded."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from pipeline.app import garbage, supervisor
from pipeline.app.exit_code import ExitCode
from pipeline.stages.contract import Progress
from tests.app.test_supervisor import pipeline
from tests.fakes.virtual_loop import run_virtual


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


class Cycle:
    """Refers to itself, so that only the collector can free it."""

    __slots__ = ("itself",)
    alive: ClassVar[int] = 0

    def __init__(self) -> None:
        self.itself = self
        Cycle.alive += 1

    def __del__(self) -> None:
        Cycle.alive -= 1


def test_what_was_made_before_the_start_is_never_looked_at_again() -> None:
    before = gc.get_freeze_count()

    garbage.settle()

    assert gc.get_freeze_count() > before + 1000


def test_a_run_begins_with_it(tmp_path: Path) -> None:
    before = gc.get_freeze_count()
    whole = pipeline(tmp_path, Progress("upload lane", lambda: 0.0), watchdog_seconds=60)

    async def run_and_stop() -> ExitCode:
        stop = asyncio.Event()
        stop.set()
        return await supervisor.supervise(whole, stop, admin_port=0)

    assert run_virtual(run_and_stop()) is ExitCode.DRAINED
    assert gc.get_freeze_count() > before + 1000


def test_cycles_that_a_library_leaves_are_collected_before_they_are_many() -> None:
    """
    A million of them never take more memory than one threshold of them.
    """
    garbage.settle()
    most = 0

    for _ in range(1_000_000):
        Cycle()
        most = max(most, Cycle.alive)

    assert most <= garbage.YOUNG_OBJECTS + 1000


def test_work_that_leaves_no_cycles_is_not_interrupted() -> None:
    """
    What comes and goes does not count: a million objects and not one collection.
    """
    garbage.settle()
    before = gc.get_stats()[0]["collections"]

    latest: list[int] = []
    for number in range(1_000_000):
        latest = [number]

    assert latest == [999_999]
    assert gc.get_stats()[0]["collections"] == before
