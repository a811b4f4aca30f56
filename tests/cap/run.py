"""Fills lanes, lets replicas of upload empty them, and counts what arrives when."""

import asyncio
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pipeline.domain.quota import pace
from pipeline.sandbox.amazon_ads.options import SimulatorOptions
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import COMMAND, Deployment
from tests.cap.adobe import DESTINATION, AdobeBeside
from tests.chaos.partner import Watch
from tests.conftest import Cluster

IN_FLIGHT = 2
DRAIN_SECONDS = 2.0
TURNS = "turns.txt"
SPAN_SECONDS = 8.0
"""After the beginning of a rebalance, in which its cost is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What arrived, in seconds from the first full window's beginning."""

    cap: int
    window_seconds: float
    windows: int
    batch: int
    in_flight: int
    drain_seconds: float
    arrivals: Mapping[str, Sequence[tuple[float, int]]]
    largest: Mapping[str, int]
    """The most records that any rolling window held, by the simulator's count."""
    rebalances: Sequence[float]
    turns: str = ""
    """How late other tasks of the first process had their turn; "" where nobody looked."""
    beside: str = ""
    """What was done beside the lanes."""

    @property
    def kept_free(self) -> int:
        return (2 + 2 * self.in_flight) * self.batch

    @property
    def rate(self) -> float:
        return pace(
            cap=self.cap,
            window=self.window_seconds,
            largest_batch=self.batch,
            max_in_flight=self.in_flight,
        ).rate

    def by_window(self, lane: str) -> list[int]:
        counts = [0] * self.windows
        for at, records in self.arrivals[lane]:
            number = int(at // self.window_seconds)
            if 0 <= number < self.windows:
                counts[number] += records
        return counts

    def used(self) -> Mapping[str, float]:
        """Of the cap, over all windows."""
        return {
            lane: sum(self.by_window(lane)) / (self.cap * self.windows)
            for lane in sorted(self.arrivals)
        }

    def lost_after(self, at: float) -> Mapping[str, float]:
        """Seconds of each lane's sending that are missing right after a moment."""
        return {
            lane: SPAN_SECONDS
            - sum(records for when, records in found if at <= when < at + SPAN_SECONDS) / self.rate
            for lane, found in sorted(self.arrivals.items())
        }


@dataclass(slots=True, kw_only=True)
class CapRun:
    """One run: so many processes of upload empty so many lanes."""

    kafka: Cluster
    folder: Path
    windows: int
    window_seconds: float
    cap: int
    lanes: int
    replicas: int
    adobe: AdobeBeside | None = None
    """Served by the same processes."""
    kept_free: float = 0.005
    """Of the cap: what bursts and requests in flight may add."""
    watch: Watch = field(default_factory=Watch)
    rebalances: list[float] = field(default_factory=list)

    @property
    def batch(self) -> int:
        return max(1, int(self.kept_free * self.cap / (2 + 2 * IN_FLIGHT)))

    async def measure(self) -> Measured:
        options = SimulatorOptions(cap=self.cap, window_seconds=self.window_seconds)
        async with AmazonAdsSimulator(random=Random(1), options=options) as simulator:
            self.watch.over(simulator)
            deployment = self._deployment(simulator)
            await deployment.create_source()
            try:
                if self.adobe is not None:
                    await self.adobe.make_audiences(deployment)
                await self._fill(deployment)
                began = await self._empty(deployment)
            finally:
                deployment.kill_all()
                if self.adobe is not None:
                    self.adobe.end()
            largest = {name: one["largest"] for name, one in simulator.windows().items()}
        arrivals: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)
        for one in self.watch.arrivals:
            arrivals[one.target].append((one.at - began, one.records))
        return Measured(
            cap=self.cap,
            window_seconds=self.window_seconds,
            windows=self.windows,
            batch=self.batch,
            in_flight=IN_FLIGHT,
            drain_seconds=DRAIN_SECONDS,
            arrivals=arrivals,
            largest=largest,
            rebalances=[at - began for at in self.rebalances],
            turns=turns_in(self.folder / TURNS),
            beside="" if self.adobe is None else self.adobe.shown(),
        )

    def _deployment(self, simulator: AmazonAdsSimulator) -> Deployment:
        adobe = self.adobe
        return Deployment(
            self.folder,
            self.kafka.bootstrap_servers,
            f"cap-{time.time_ns()}",
            simulator.url,
            connections=self.lanes,
            audiences=self.lanes if adobe is None else max(self.lanes, adobe.audiences),
            destination={
                "hourly_cap": self.cap,
                "cap_window_seconds": self.window_seconds,
                "batch": {"max_records": self.batch, "linger_seconds": 1},
                "max_in_flight": IN_FLIGHT,
            },
            sections={"admin": {"port": 0}, "upload": {"drain_seconds": DRAIN_SECONDS}},
            second={} if adobe is None else {DESTINATION: adobe.destination()},
            second_targets=() if adobe is None else adobe.targets(),
        )

    @property
    def _stages(self) -> str:
        return "upload" if self.adobe is None else "upload,snapshot"

    async def _fill(self, deployment: Deployment) -> None:
        """More than a whole run can send, in topics that the product has made."""
        process = deployment.start("upload")
        await deployment.until(lambda: "partitions assigned" in deployment.logs(), 30)
        assert await deployment.stop(process) == 0
        for lane in range(self.lanes):
            await deployment.fill_lane(lane, self.cap * (self.windows + 2))
        if self.adobe is not None:
            await self.adobe.fill(deployment)

    async def _empty(self, deployment: Deployment) -> float:
        """Let the replicas send for all windows; returns when the first one began."""
        turns = ("-m", "tests.cap.turns", str(self.folder / TURNS))
        deployment.command = (sys.executable, *turns)
        deployment.start(self._stages)
        deployment.command = (COMMAND,)
        for _ in range(self.replicas - 1):
            deployment.start(self._stages)
        await deployment.until(self._is_every_lane_served, 60)
        if self.adobe is None:
            return await self._windows(deployment)
        async with asyncio.TaskGroup() as tasks:
            changing = tasks.create_task(self.adobe.change_on(deployment))
            looking = tasks.create_task(self.adobe.look_on())
            began = await self._windows(deployment)
            changing.cancel()
            looking.cancel()
        return began

    async def _windows(self, deployment: Deployment) -> float:
        # The replicas that came last have made the others rebalance.
        await asyncio.sleep(5.0 * self.replicas)
        began = time.monotonic()
        for number in range(self.windows):
            await asyncio.sleep(began + number * self.window_seconds + 5.0 - time.monotonic())
            if self.replicas > 1:
                self._rebalance(deployment, joins=number % 2 == 0)
        await asyncio.sleep(began + self.windows * self.window_seconds - time.monotonic())
        return began

    def _rebalance(self, deployment: Deployment, *, joins: bool) -> None:
        self.rebalances.append(time.monotonic())
        if joins:
            deployment.start(self._stages)
        else:
            deployment.processes[-1].send_signal(signal.SIGTERM)

    def _is_every_lane_served(self) -> bool:
        return len({one.target for one in self.watch.arrivals}) == self.lanes


def turns_in(file: Path) -> str:
    """What `tests.cap.turns` has written."""
    if not file.exists():
        return ""
    count, most, nearly_all, longest, cpu = file.read_text().split()
    return (
        f"{count} turns of another task came late by: 99 % {most} ms, 99.9 % {nearly_all} ms, "
        f"longest {longest} ms; the longest on the processor {cpu} ms"
    )
