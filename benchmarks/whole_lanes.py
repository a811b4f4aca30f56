"""What a lane costs that has nothing to do: processes with few and with many lanes, side by side.

    python -m benchmarks.whole_lanes [--few 20] [--many 1000] [--seconds 60]

Two processes of the installed command with its three stages share one Apache Kafka on this machine
and one simulated partner. First both have nothing to do; then each gets a hundred events a second
for five of its lanes. Machines differ and other work disturbs, so both are looked at in the same
seconds, and what counts is the ratio between them.
"""

import argparse
import asyncio
import random
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.process_cost import ProcessCost
from pipeline.sandbox.amazon_ads.simulator import AmazonAdsSimulator
from tests.acceptance.deployment import Deployment, event
from tests.servers.apache_kafka import ApacheKafka

BUSY_LANES = 5
EVENTS_A_SECOND = 100
PORTION = 50
START_SECONDS, SETTLE_SECONDS = 120.0, 20.0
DESTINATION = {"batch": {"max_records": 100, "max_bytes": 20_000}}
KAFKA = {"kafka": {"session_timeout_ms": 30_000}}


@dataclass(slots=True)
class Fleet:
    """One process and what it was given to do."""

    deployment: Deployment
    process: subprocess.Popen[bytes]
    written: int = 0

    @property
    def cost(self) -> ProcessCost:
        return ProcessCost(self.process.pid)

    async def ready(self) -> float:
        """Seconds until it is."""
        began = time.monotonic()
        address = f"http://127.0.0.1:{self.deployment.admin_port}/readyz"
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
            while True:
                if self.process.poll() is not None:
                    raise SystemExit(f"it ended:\n{self.deployment.logs()}")
                try:
                    async with http.get(address) as answer:
                        if answer.status == 200:
                            return time.monotonic() - began
                except aiohttp.ClientError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.2)

    async def feed(self) -> None:
        """Write events for the busy lanes until cancelled."""
        while True:
            began = time.monotonic()
            numbers = range(self.written, self.written + PORTION)
            await self.deployment.produce(
                [event(f"audience-{n % BUSY_LANES}", f"m{n}", number=n) for n in numbers]
            )
            self.written += PORTION
            await asyncio.sleep(PORTION / EVENTS_A_SECOND - (time.monotonic() - began))


async def started(stack: AsyncExitStack, kafka: str, url: str, lanes: int) -> tuple[Fleet, float]:
    """A process with so many lanes, and the seconds after which it was ready."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    deployment = Deployment(
        folder,
        kafka,
        f"lanes{lanes}",
        url,
        connections=lanes,
        audiences=lanes,
        destination=DESTINATION,
        sections=KAFKA,
    )
    await deployment.create_source()
    fleet = Fleet(deployment, deployment.start())
    stack.push_async_callback(deployment.stop, fleet.process)
    return fleet, await fleet.ready()


async def shares(fleets: Sequence[Fleet], seconds: float) -> Sequence[float]:
    """The share of a processor that each takes in the same seconds."""
    before, began = [fleet.cost.cpu_seconds() for fleet in fleets], time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    return [
        (fleet.cost.cpu_seconds() - was) / passed for fleet, was in zip(fleets, before, strict=True)
    ]


async def measured(
    kafka: str, few: int, many: int, seconds: float
) -> Mapping[str, Sequence[float]]:
    """Each figure of the process with few lanes and of the one with many."""
    async with AsyncExitStack() as stack:
        partner = AmazonAdsSimulator(random=random.Random(1))
        await stack.enter_async_context(partner)
        begun = [await started(stack, kafka, partner.url, lanes) for lanes in (few, many)]
        fleets = [fleet for fleet, _ in begun]
        await asyncio.sleep(SETTLE_SECONDS)
        found: dict[str, Sequence[float]] = {"seconds until ready": [took for _, took in begun]}
        found["cores idle"] = await shares(fleets, seconds)
        async with asyncio.TaskGroup() as tasks:
            feeding = [tasks.create_task(fleet.feed()) for fleet in fleets]
            await asyncio.sleep(SETTLE_SECONDS)
            found[f"cores at {EVENTS_A_SECOND} events/s"] = await shares(fleets, seconds)
            for one in feeding:
                one.cancel()
        found["resident MB"] = [fleet.cost.resident_mb() for fleet in fleets]
    return found


async def main(few: int, many: int, seconds: float) -> None:
    with ApacheKafka() as kafka:
        found = await measured(kafka.bootstrap_servers, few, many, seconds)
    print(f"{'':24} {few:>7} lanes {many:>7} lanes   ratio")
    for name, (of_few, of_many) in found.items():
        print(f"{name:24} {of_few:13.4f} {of_many:13.4f} {of_many / of_few:7.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    asyncio.run(main(given.few, given.many, given.seconds))
