"""A chunk is bounded by what comes out of it, whatever went in."""

import asyncio
import tracemalloc

import pytest

from pipeline.stages.ingest.chunk_bound import (
    CHUNK_BYTES,
    OUTPUT_OF_AN_EVENT,
    PASSED_IN_A_ROW,
    SLICE_WORK,
    ChunkBound,
)
from pipeline.stages.ingest.route import Route
from tests.fakes.ingest_world import LETTERS, IngestWorld, event, route
from tests.fakes.source_world import Broker, SourceLease
from tests.fakes.virtual_loop import run_virtual

CHUNK_EVENTS = 20
BOUND = CHUNK_EVENTS * OUTPUT_OF_AN_EVENT


def wide(audiences: int) -> dict[str, list[Route]]:
    return {f"audience-{n}": [route(f"audience-{n}")] for n in range(audiences)}


def withdrawal(member: str = "u-1", **changed: object) -> bytes:
    return event(member, action="withdraw_consent", audience=None, **changed)


def world(audiences: int = 1, **changed: object) -> IngestWorld:
    made: dict[str, object] = {"routes": wide(audiences), "chunk_events": CHUNK_EVENTS, **changed}
    return IngestWorld(**made)  # type: ignore[arg-type]


def test_events_that_fan_out_end_the_chunk_behind_the_event_that_reaches_the_bound() -> None:
    one = world(audiences=50)
    for number in range(40):
        one.source.put(withdrawal(f"u-{number}"))

    run_virtual(one.carried())

    assert len(one.source.carried) == 40 * 50
    assert {records for records, _ in one.transactions} == {BOUND}


def test_an_event_that_alone_is_over_the_bound_goes_out_in_several_transactions() -> None:
    one = world(audiences=3_000)
    one.source.put(withdrawal())
    one.source.put(event(audience="audience-7"))

    run_virtual(one.carried())

    assert len(one.source.carried) == 3_001
    assert max(records for records, _ in one.transactions) < BOUND + SLICE_WORK
    assert one.telemetry.count("events_consumed") == 2
    assert one.telemetry.count("records_prepared") == 3_001


def test_large_records_end_a_chunk_by_their_bytes() -> None:
    one = world(audiences=1_000, chunk_events=500)
    consent = {"tcf": "C" * 20_000}
    for number in range(10):
        one.source.put(withdrawal(f"u-{number}", consent=consent))

    run_virtual(one.carried())

    assert len(one.source.carried) == 10_000
    assert max(size for _, size in one.transactions) < 2 * CHUNK_BYTES


def test_memory_stays_bounded_whatever_events_fan_out_to() -> None:
    """
    15 withdrawals from 3,000 audiences with 2 kB each are 90 MB; the bound is a chunk or two.
    """
    one = world(audiences=3_000, chunk_events=500)
    consent = {"tcf": "C" * 2_000}
    for number in range(15):
        one.source.put(withdrawal(f"u-{number}", consent=consent))
    one.source.keeps = False

    tracemalloc.start()
    run_virtual(one.carried())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert one.telemetry.count("records_prepared") == 45_000
    assert most < 30_000_000


def test_other_tasks_get_their_turn_by_the_work_done_and_not_by_events() -> None:
    """
    One event for 3,000 audiences must not hold up the event loop for longer than 250 do.
    """
    one = world(audiences=3_000, chunk_events=500)
    one.source.put(withdrawal())
    one.source.latency = 0.0
    turns: list[int] = []

    async def story() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(one.stage().worker(SourceLease(one.source)).run())
            while one.source.committed < 1:
                turns.append(len(one.transactions))
                await asyncio.sleep(0)
            running.cancel()

    run_virtual(story())

    assert turns.count(0) >= 3_000 // SLICE_WORK


def test_one_event_makes_one_dead_letter_for_each_reason() -> None:
    one = world(chunk_events=500)
    names = [f"nobody-{number}" for number in range(20_000)]
    one.source.put(event(action="withdraw_consent", audience=None, audiences=names))

    run_virtual(one.carried())

    [letter] = one.letters()
    assert letter["reason"] == "unknown_audience"
    assert "20000 audiences" in letter["detail"]
    assert "'nobody-0'" in letter["detail"]
    assert len(letter["detail"]) < 1_000
    assert one.telemetry.count("dead_letters_written") == 1
    assert one.telemetry.count("changes_rejected") == 20_000


def test_the_dead_letters_of_a_wide_event_come_once_and_with_its_last_part() -> None:
    """
    Half of its audiences are unknown; a failure between its parts must not count them twice.
    """
    one = world(audiences=1_000, failing=0.3)
    names = [f"audience-{number}" for number in range(2_000)]
    one.source.put(event(action="withdraw_consent", audience=None, audiences=names))

    run_virtual(one.carried())

    [letter] = one.letters()
    assert "1000 audiences" in letter["detail"]
    assert set(one.source.carried) == {b"u-1 "}
    assert {record.key for _, record in one.source.records} == {
        b"audience-%d|u-1" % number for number in range(1_000)
    }


def test_in_reference_mode_nothing_of_the_event_stands_in_a_dead_letter() -> None:
    one = world(payload="reference")
    one.source.put(event("secret-member", audience="secret-audience"), key=b"secret-key")

    run_virtual(one.carried())

    [letter] = one.source.letters
    assert b"secret" not in b"".join(
        [letter.key or b"", letter.value or b"", *(value for _, value in letter.headers)]
    )
    assert dict(letter.headers)["detail"].startswith(b"no audience of this name")


def test_many_large_dead_letters_end_a_chunk_by_their_bytes() -> None:
    one = world(chunk_events=500)
    for _ in range(40):
        one.source.put(b"x" * 800_000)

    run_virtual(one.carried())

    assert one.reasons() == {"malformed": 40}
    assert max(size for _, size in one.transactions) < 2 * CHUNK_BYTES


def test_a_record_over_the_limit_of_its_topic_becomes_a_dead_letter_before_a_transaction() -> None:
    one = world(broker=Broker(takes={"lane": 200_000}), routes={"vip": [route()]})
    one.source.put(event("u-1"))
    one.source.put(event("u-2", consent={"tcf": "C" * 1_000_000}))
    one.source.put(event("u-3", consent={"tcf": "C" * 300_000}))
    one.source.put(event("u-4", consent={"tcf": "C" * 100_000}))

    run_virtual(one.carried())

    members = [value.split()[0] for value in one.source.carried]
    assert members == [b"u-1", b"u-4"]
    assert one.reasons() == {"record_too_large": 2}
    assert len(one.transactions) == 1


def test_a_record_over_the_limit_of_a_request_becomes_a_dead_letter() -> None:
    one = world(routes={"vip": [route()]})
    one.source.put(event("u-1", consent={"tcf": "C" * 960_000}))

    run_virtual(one.carried())

    assert one.reasons() == {"record_too_large": 1}


@pytest.mark.parametrize("topic", ["lane", LETTERS])
def test_a_topic_that_takes_less_than_it_says_stops_nobody(topic: str) -> None:
    """
    Somebody lowered max.message.bytes: the chunk is halved until the record stands alone.
    """
    one = world(
        broker=Broker(takes={topic: 5_000}, says={topic: 999_500}), routes={"vip": [route()]}
    )
    for number in range(50):
        one.source.put(event(f"u-{number}"))
    one.source.put(event("u-50", consent={"tcf": "C" * 10_000}))
    one.source.put(b"x" * 20_000)
    one.source.put(event("u-51"))

    run_virtual(one.carried())

    carried = {value.split()[0] for value in one.source.carried}
    assert {b"u-%d" % number for number in range(50)} | {b"u-51"} <= carried
    assert one.reasons()["malformed"] == 1
    assert one.reasons()["record_too_large"] == (topic == "lane")


def test_a_chunk_whose_transaction_timed_out_is_halved_until_it_comes_through() -> None:
    one = world(broker=Broker(in_time=30), chunk_events=500)
    one.routes = {"vip": [route()]}
    for number in range(400):
        one.source.put(event(f"u-{number}"))

    run_virtual(one.carried())

    assert one.source.carried == [b"u-%d " % number for number in range(400)]
    assert one.source.letters == []


def test_a_wide_event_whose_transactions_time_out_goes_out_in_smaller_parts() -> None:
    """
    What is durable of it is not done again, or it would begin anew for ever.
    """
    one = world(audiences=2_000, broker=Broker(in_time=3), chunk_events=500)
    one.source.put(withdrawal())

    run_virtual(one.carried())

    assert {record.key for _, record in one.source.records} == {
        b"audience-%d|u-1" % number for number in range(2_000)
    }
    assert len(one.source.carried) == 2_000


def test_no_time_out_makes_a_dead_letter() -> None:
    """
    A single record that does not come through in time says something of the broker, not of itself.
    """
    one = world(broker=Broker(in_time=0), routes={"vip": [route()]})
    one.source.put(event("u-1"))

    async def story() -> None:
        with pytest.raises(ExceptionGroup):
            await one.carried(within=600.0)
        one.broker.in_time = None
        await one.carried()

    run_virtual(story())

    assert one.source.carried == [b"u-1 "]
    assert one.source.letters == []


def test_a_bound_that_was_halved_grows_again() -> None:
    bound = ChunkBound(events=100, size=1_000_000)
    for _ in range(3):
        bound.halve()
    halved = bound.records
    for _ in range(3 * PASSED_IN_A_ROW):
        bound.passed()

    assert halved == 125
    assert bound.records == 1_000


def test_a_bound_is_never_less_than_a_record() -> None:
    bound = ChunkBound(events=100, size=1_000_000)
    for _ in range(100):
        bound.halve()

    assert (bound.records, bound.events, bound.slice) == (1, 1, 1)
