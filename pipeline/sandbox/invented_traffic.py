"""Writes invented events for the audiences of a configuration at a steady rate."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from random import Random

from pipeline.configuration.model import Settings
from pipeline.configuration.routing import routes
from pipeline.operations.event_reading import ReadEvent
from pipeline.sandbox.expectation import Audience, Target
from pipeline.sandbox.traffic import Traffic

INTERVAL_SECONDS = 1.0


def traffic_for(settings: Settings, members: int, random: Random, start_ms: int) -> Traffic:
    """Traffic about the audiences of this configuration."""
    audiences = [
        Audience(
            name,
            [Target(one.lane.connection, int(one.audience_id)) for one in targets],
        )
        for name, targets in routes(settings).items()
    ]
    return Traffic(audiences, members, random, start_ms)


async def write_steadily(
    traffic: Traffic,
    write: Callable[[Iterator[ReadEvent]], Awaitable[int]],
    *,
    per_second: float,
    stop: asyncio.Event,
) -> int:
    """Write until `stop` is set; returns the number of events."""
    loop = asyncio.get_running_loop()
    written, begun = 0, loop.time()
    while not stop.is_set():
        due = round((loop.time() - begun + INTERVAL_SECONDS) * per_second)
        events = (ReadEvent(one.key, one.value) for one in traffic.events(due - written))
        written += await write(events)
        with suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL_SECONDS):
                await stop.wait()
    return written
