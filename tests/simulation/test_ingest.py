"""One source partition through owners that die, freeze and wake up, in virtual time."""

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Rendered
from pipeline.identity.hashing import HashOnce
from pipeline.sources.reading import Reading, SourceMessage
from pipeline.stages.contract import DeadLetters, Progress
from pipeline.stages.ingest.worker import IngestDesk, IngestWorker, Route
from pipeline.telemetry.facts import LaneLabel
from tests.fakes.source_world import FencingHop, Source, SourceLease
from tests.fakes.telemetry import RecordingTelemetry
from tests.fakes.virtual_loop import run_virtual

EVENTS = 200


def as_it_is(change: MembershipChange, hash_once: HashOnce) -> Rendered:
    """A destination that writes a member down as it stands."""
    return Rendered(change.member_id, change.member_id.encode())


def read(message: SourceMessage) -> Reading:
    return (MembershipChange("vip", "add", (message.value or b"").decode(), None, [], None, 0),)


def ingest(source: Source, lease: SourceLease, writer: FencingHop) -> IngestWorker:
    telemetry = RecordingTelemetry()
    letters = DeadLetters(
        topic="letters", stage="ingest", payload="original", wall_ms=lambda: 0, telemetry=telemetry
    )
    route = Route(
        lane=LaneLabel("amazon", "connection"),
        topic="lane",
        audience_id="7",
        route=b"",
        render=as_it_is,
    )
    desk = IngestDesk(
        routes={"vip": [route]},
        letters=letters,
        telemetry=telemetry,
        wall_ms=lambda: 0,
        chunk_records=7,
    )
    progress = Progress("ingest", asyncio.get_running_loop().time)
    return IngestWorker(lease, writer=writer, read=read, desk=desk, progress=progress)


async def _owned_by_many(seed: int, handovers: Sequence[tuple[float, float]]) -> Source:
    """Each owner is lost after a while, and goes on for a while as if it had not heard."""
    random = Random(seed)
    source = Source(random)
    for number in range(EVENTS):
        source.put(b"m%d" % number)
    async with asyncio.TaskGroup() as tasks:
        for lives, outlives in [*handovers, (1000.0, 0.0)]:
            lease = SourceLease(source)
            task = tasks.create_task(ingest(source, lease, FencingHop(source, failing=0.2)).run())
            began = _now()
            while _now() < began + lives and source.committed < EVENTS:
                await asyncio.sleep(0.5)
            lease.is_held = False
            asyncio.get_running_loop().call_later(outlives, task.cancel)
    return source


def _now() -> float:
    return asyncio.get_running_loop().time()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    handovers=st.lists(st.tuples(st.floats(0.1, 15.0), st.floats(0.0, 20.0)), max_size=4),
)
def test_each_change_comes_into_its_lane_once_and_in_order(
    seed: int, handovers: list[tuple[float, float]]
) -> None:
    """
    Owners that were lost go on for a while, transactions fail with and without having come
    through: nothing is carried twice, left out or brought back behind what came after it.
    """
    source = run_virtual(_owned_by_many(seed, handovers))

    assert [b"m%d" % number for number in range(EVENTS)] == source.carried


def test_a_former_owner_that_goes_on_is_refused() -> None:
    """
    The world above does hold what the promise is about.
    """
    source = run_virtual(_owned_by_many(3, [(5.0, 10.0), (5.0, 10.0)]))

    assert source.refused > 0
