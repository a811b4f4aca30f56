"""What the work leaves behind goes when nobody needs it any more, without the cyclic collector."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from tests.fakes.ingest_world import IngestWorld
from tests.fakes.lane_world import Moods
from tests.fakes.poll_world import EndingPartner, job, world_of
from tests.fakes.virtual_loop import run_virtual
from tests.simulation.world import ROUGH, World, in_world

FEW, MANY = 300, 1200
OF_AN_OWNERSHIP = 60
"""Objects by which two ownerships may differ; how long they worked makes no difference."""
BAD_EVENTS = (b"no json", b'{"event_id":"e","audience":"nobody","action":"add"}')


def unreachable_after(work: Callable[[], object]) -> int:
    """How many objects only the cyclic collector can let go of, while the world still stands."""
    gc.collect()
    gc.disable()
    try:
        world = work()
        found = gc.collect()
    finally:
        gc.enable()
    del world
    return found


def upload(records: int, moods: Moods) -> object:
    async def story(world: World) -> None:
        world.partner.poison = frozenset({"m7"})
        for number in range(records):
            world.topic.put(f"m{number}")
        await world.own_to_the_end()

    return in_world(5, story, moods)


def ingest(records: int) -> object:
    world = IngestWorld(chunk_events=10, failing=0.1)
    for number in range(records):
        world.source.put(
            b'{"event_id":"e","audience":"vip","action":"add","occurred_at":"2026-11-22T10:15:00Z",'
            b'"member":{"id":"u-%d","country":"US","identities":[]}}' % number
        )
        if number % 10 == 0:
            world.source.put(BAD_EVENTS[number // 10 % 2])
    run_virtual(world.carried())
    return world


def poll(jobs: int) -> object:
    world = world_of(EndingPartner({f"j{number}": 5.0 + number % 7 for number in range(jobs)}))

    async def story() -> None:
        for number in range(jobs):
            world.topic.place(job(f"j{number}"))
        async with world.owned() as lease:
            while lease.settled.offset < jobs:
                await asyncio.sleep(5.0)

    run_virtual(story())
    return world


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda count: upload(count, Moods()), id="upload"),
        pytest.param(lambda count: upload(count, ROUGH), id="upload to a partner with moods"),
        pytest.param(ingest, id="ingest"),
        pytest.param(poll, id="poll"),
    ],
)
def test_what_only_the_collector_can_free_does_not_grow_with_the_work(
    work: Callable[[int], object],
) -> None:
    """
    Four times the records leave no more cycles than one time: requests, chunks and jobs make none.
    """
    few = unreachable_after(lambda: work(FEW))
    many = unreachable_after(lambda: work(MANY))

    assert many <= few + OF_AN_OWNERSHIP
