"""Runs the sandbox: writes events, and watches the pipeline until everything is done."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.sandbox.adobe_audiences.simulator import AdobeSimulator
from pipeline.sandbox.adobe_partner import ingested_by
from pipeline.sandbox.adobe_reconciliation import Ingested, is_level
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from pipeline.sandbox.demo_options import SandboxOptions
from pipeline.sandbox.demo_topics import SandboxTopics
from pipeline.sandbox.live_view import View
from pipeline.sandbox.process import PipelineProcess
from pipeline.sandbox.readings import AdminPages, Reading
from pipeline.sandbox.scene import Scene, Speed
from pipeline.sandbox.traffic import Event, Traffic
from pipeline.sandbox.trouble import SandboxTrouble

EVENTS_A_BLOCK = 250
"""Events made between two turns of the event loop, about 5 ms: the simulator needs the loop too."""
LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everyone who takes part in a run."""

    traffic: Traffic
    simulator: AmazonAdsSimulator
    adobe: AdobeSimulator | None
    """None: the run has no Adobe."""
    topics: SandboxTopics
    pipeline: PipelineProcess
    pages: AdminPages


class Performance:
    """Writes events as upstream, and watches the pipeline until everything is done."""

    def __init__(self, options: SandboxOptions, cast: Cast, stop: asyncio.Event) -> None:
        self._options = options
        self._traffic = cast.traffic
        self._simulator = cast.simulator
        self._adobe = cast.adobe
        self._ingested: Ingested | None = None
        self._topics = cast.topics
        self._pipeline = cast.pipeline
        self._pages = cast.pages
        self._stop = stop
        self._written = 0
        self._is_written = False
        self._events_speed = Speed()
        self._records_speed = Speed()
        self._began = asyncio.get_running_loop().time()
        self._moved_at = self._began
        self._last_mark: object = None

    async def play(self, view: View) -> Reading:
        """Run until every event is completely processed; returns the last reading.

        Raises:
            SandboxTrouble: the pipeline died, nothing moved for too long, or `stop` was set.
        """
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(self._write(), name="upstream")
            try:
                return await self._watch(view)
            finally:
                writer.cancel()

    async def _write(self) -> None:
        async for count in self._topics.write(self._blocks()):
            self._written += count
            await asyncio.sleep(0)
        self._is_written = True

    def _blocks(self) -> Iterator[Iterator[Event]]:
        left = self._options.events
        while left:
            size = min(left, EVENTS_A_BLOCK)
            yield self._traffic.events(size)
            left -= size

    async def _watch(self, view: View) -> Reading:
        while True:
            reading = await self._pages.read()
            if self._adobe is not None:
                self._ingested = await ingested_by(self._adobe)
            view.show(self._scene(reading))
            self._check(reading)
            if reading is not None and await self._is_over(reading):
                # Counters grow a moment after the events that they count.
                await asyncio.sleep(2 * LOOK_SECONDS)
                reading = await self._pages.read() or reading
                view.show(self._scene(reading))
                return reading
            await asyncio.sleep(LOOK_SECONDS)

    async def _is_over(self, reading: Reading) -> bool:
        """Whether all is done, by committed offsets, because counters may be late."""
        if not self._is_written or reading.told.pending_jobs:
            return False
        is_settled = await self._topics.all_settled()
        if not is_settled or self._simulator.totals()["records"]["late"]:
            return False
        # The comparison is slow, so it comes last.
        expected = self._traffic.expected.snapshots
        return self._ingested is None or is_level(expected, self._ingested)

    def _check(self, reading: Reading | None) -> None:
        """Raise SandboxTrouble if the run cannot succeed any more."""
        if self._stop.is_set():
            raise SandboxTrouble("stopped before the end; nothing was compared")
        if self._pipeline.exit_code is not None:
            raise SandboxTrouble(
                f"the pipeline ended by itself with exit code {self._pipeline.exit_code}; "
                f"the end of its log:\n{self._pipeline.last_words()}"
            )
        runs = None if self._ingested is None else self._ingested.runs
        mark = None if reading is None else (self._written, reading, runs)
        now = asyncio.get_running_loop().time()
        if mark is not None and mark != self._last_mark:
            self._last_mark, self._moved_at = mark, now
        if now - self._moved_at > self._options.stall_seconds:
            raise SandboxTrouble(self._missing(reading))

    def _missing(self, reading: Reading | None) -> str:
        stalled = f"nothing moved for {self._options.stall_seconds:g} s"
        if reading is None:
            words = self._pipeline.last_words()
            return f"{stalled}: the pipeline does not answer; the end of its log:\n{words}"
        scene = self._scene(reading)
        whole = sum(scene.expected.values())
        states = ", ".join(
            f"{lane.connection} {lane.state} with {lane.unsettled:,} unsettled"
            + (f" because {lane.cause}" if lane.cause else "")
            for lane in reading.lanes
        )
        return (
            f"{stalled}: {self._written:,} events written, {scene.consumed:,} consumed; "
            f"{scene.delivered:,} of {whole:,} records delivered, {scene.ended:,} ended, "
            f"{reading.told.pending_jobs:,} jobs pending; lanes: {states or 'none'}"
            + ("" if self._ingested is None else f"; Adobe: {self._at_adobe(self._ingested)}")
        )

    def _at_adobe(self, held: Ingested) -> str:
        implied = self._traffic.expected.snapshots.members
        runs = ", ".join(f"{count} {name}" for name, count in held.runs.items())
        return f"{held.members:,} of {implied:,} members; runs: {runs}"

    def _scene(self, reading: Reading | None) -> Scene:
        seconds = asyncio.get_running_loop().time() - self._began
        consumed = 0 if reading is None else reading.told.consumed
        accepted = 0 if reading is None else reading.told.total().accepted
        return Scene(
            options=self._options,
            seconds=seconds,
            phase=self._phase(reading),
            written=self._written,
            expected=dict(self._traffic.expected.prepared),
            reading=reading,
            faults=self._faults(),
            ingested=self._ingested,
            to_ingest=self._traffic.expected.snapshots.members,
            events_a_second=self._events_speed.seen(seconds, consumed),
            records_a_second=self._records_speed.seen(seconds, accepted),
        )

    def _faults(self) -> Mapping[str, int]:
        faults = Counter(self._simulator.totals()["faults"])
        return faults if self._ingested is None else faults + Counter(self._ingested.faults)

    def _phase(self, reading: Reading | None) -> str:
        if reading is None:
            return "starting" if self._last_mark is None else "no answer"
        return "carrying" if self._is_written else "upstream writes"
