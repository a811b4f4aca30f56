"""One source partition through owners that die, freeze and wake up, in virtual time."""

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.change import MembershipChange
from pipeline.sources.reading import Reading, SourceMessage
from tests.fakes.ingest_world import IngestWorld, route
from tests.fakes.source_world import Source, SourceLease
from tests.fakes.virtual_loop import run_virtual

EVENTS = 200


def read(message: SourceMessage) -> Reading:
    return (MembershipChange("vip", "add", (message.value or b"").decode(), None, [], None, 0),)


def read_wide(message: SourceMessage) -> Reading:
    """Every tenth event is for all audiences."""
    member = (message.value or b"").decode()
    audience = None if member.endswith("0") else "vip"
    return (MembershipChange(audience, "remove", member, None, [], None, 0),)


async def _owned_by_many(world: IngestWorld, handovers: Sequence[tuple[float, float]]) -> Source:
    """Each owner is lost after a while, and goes on for a while as if it had not heard."""
    source, stage = world.source, world.stage()
    for number in range(EVENTS):
        source.put(b"m%d" % number)
    async with asyncio.TaskGroup() as tasks:
        for lives, outlives in [*handovers, (5000.0, 0.0)]:
            lease = SourceLease(source)
            task = tasks.create_task(stage.worker(lease).run())
            began = _now()
            while _now() < began + lives and source.committed < EVENTS:
                await asyncio.sleep(0.5)
            lease.is_held = False
            asyncio.get_running_loop().call_later(outlives, task.cancel)
    return source


def _now() -> float:
    return asyncio.get_running_loop().time()


def _world(seed: int) -> IngestWorld:
    return IngestWorld(read=read, chunk_events=7, failing=0.2, source=Source(Random(seed)))


HANDOVERS = st.lists(st.tuples(st.floats(0.1, 15.0), st.floats(0.0, 20.0)), max_size=4)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), handovers=HANDOVERS)
def test_each_change_comes_into_its_lane_once_and_in_order(
    seed: int, handovers: list[tuple[float, float]]
) -> None:
    """
    Owners that were lost go on for a while, transactions fail with and without having come
    through: nothing is carried twice, left out or brought back behind what came after it.
    """
    source = run_virtual(_owned_by_many(_world(seed), handovers))

    assert [b"m%d " % number for number in range(EVENTS)] == source.carried


def test_a_former_owner_that_goes_on_is_refused() -> None:
    """
    The world above does hold what the promise is about.
    """
    source = run_virtual(_owned_by_many(_world(3), [(5.0, 10.0), (5.0, 10.0)]))

    assert source.refused > 0


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), handovers=HANDOVERS)
def test_an_event_in_several_parts_is_repeated_at_most_and_never_out_of_order(
    seed: int, handovers: list[tuple[float, float]]
) -> None:
    """
    It is for 40 audiences and a transaction takes 10 records: crashes and failures come between
    its parts. All of them are carried before anything that came after it, in every lane.
    """
    names = [f"audience-{number}" for number in range(40)]
    lanes = {"vip": [route("vip")]} | {name: [route(name, topic=name)] for name in names}
    world = IngestWorld(
        read=read_wide, routes=lanes, chunk_events=1, failing=0.2, source=Source(Random(seed))
    )

    source = run_virtual(_owned_by_many(world, handovers))

    for name in [*names, "lane"]:
        carried = source.in_topic(name)
        mine = [b"m%d " % n for n in range(EVENTS) if name == "lane" or n % 10 == 0]
        assert list(dict.fromkeys(carried)) == mine
        assert carried == sorted(carried, key=mine.index)
    assert max(records for records, _ in world.transactions) <= 20
