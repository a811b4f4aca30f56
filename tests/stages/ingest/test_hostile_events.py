"""Nothing that a producer of events can write stops ingest, or what comes behind it."""

from collections.abc import Mapping
from random import Random
from typing import Literal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import MembershipChange
from pipeline.domain.lane_record import LaneRecord, decode_record
from pipeline.domain.reasons import Rendered
from pipeline.identity.hashing import HashOnce
from pipeline.sources.reading import Reading, SourceMessage
from pipeline.stages.ingest.route import Route
from tests.fakes.ingest_world import IngestWorld, event, route
from tests.fakes.source_world import Source, size_of
from tests.fakes.virtual_loop import run_virtual

MANY = 3_000
AN_EMAIL = {"email": "ana@example.com"}


def person(**changed: object) -> dict[str, object]:
    return {"id": "u-1", "country": "US", "identities": [AN_EMAIL], **changed}


def amazon(audience: str, external_user_id: Literal["as_is", "sha256"] = "sha256") -> Route:
    renderer = RecordRenderer(external_user_id=external_user_id)
    return route(
        audience, render=lambda change, hash_once: renderer.render(change, None, hash_once)
    )


def carried(*events: bytes | None, key: bytes | None = b"key", **changed: object) -> IngestWorld:
    """What comes of these events, and of a neighbour behind them, which always comes through."""
    routes = {"vip": [amazon("1"), amazon("2", "as_is")]}
    made: dict[str, object] = {"routes": routes, "source": Source(Random(1)), **changed}
    world = IngestWorld(**made)  # type: ignore[arg-type]
    for value in events:
        world.source.put(value, key)
    world.source.put(event("neighbour", member=person(id="neighbour")))
    run_virtual(world.carried())
    assert world.source.records[-1][1].key == b"2|neighbour"
    assert all(size_of(letter) < 950_000 for letter in world.source.letters)
    return world


HOSTILE: Mapping[str, bytes | None] = {
    "a tombstone": None,
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf" + event(member=person()),
    "bytes": bytes(range(256)),
    "deep": b"[" * 100_000,
    "deep and closed": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "a number": b"1" * 900_000,
    "a large event": b'"' + b"x" * 990_000 + b'"',
    "a lone surrogate": event(member=person()).replace(b"u-1", b"\\ud800"),
    "a surrogate in an audience": event(member=person()).replace(b"vip", b"\\udfff"),
    "nul": event(member=person(id="\0" * 50)),
    "nul in an audience": event(audience="\0vip\0", member=person()),
    "a huge member id": event(member=person(id="u" * 900_000)),
    "a huge audience": event(audience="a" * 900_000, member=person()),
    "a huge consent": event(member=person(), consent={"tcf": "C" * 900_000}),
    "a consent of many keys": event(member=person(), consent={str(n): n for n in range(50_000)}),
    "thousands of identities": event(member=person(identities=[AN_EMAIL] * MANY)),
    "thousands of empty identities": event(member=person(identities=[{}] * 100_000)),
    "a huge field": event(member=person(identities=[{"address": "1 Main St " * 80_000}])),
    "a field of combining marks": event(member=person(identities=[{"city": "e\u0301" * 200_000}])),
    "a huge phone": event(member=person(identities=[{"phone": "1" * 900_000}])),
    "a huge country": event(member=person(country="U" * 900_000)),
    "a country of digits": event(member=person(country="49")),
    "a time before time": event(member=person(), occurred_at="0001-01-01T00:00:00Z"),
    "a time of tomorrow's millennium": event(member=person(), occurred_at=10**400 // 10**390),
    "a negative time": event(member=person(), occurred_at=-1),
    "an endless number": event(member=person()).replace(b'"2026-11-22T10:15:00Z"', b"1e308"),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_an_event_however_it_looks_stops_nobody(value: bytes | None) -> None:
    world = carried(value)

    assert len(world.source.letters) <= 2
    for _, record in world.source.records:
        assert isinstance(decode_record(record.key, record.headers), LaneRecord)


KEYS = "action audience audiences member id identities email phone country consent occurred_at"
VALUES: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.sampled_from(["add", "remove", "withdraw_consent", "vip", "2026-11-22T10:15:00Z"])
)
TREES = st.recursive(
    VALUES,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS.split()), inner),
)


@settings(max_examples=200)
@given(value=st.binary(max_size=200) | TREES.map(orjson.dumps))
def test_no_event_of_any_shape_stops_anybody(value: bytes) -> None:
    carried(value)


def test_a_huge_key_is_cut_in_its_dead_letter() -> None:
    world = carried(b"no event", key=b"k" * 990_000)

    [letter] = world.source.letters
    assert len(letter.key or b"") <= 10_000
    assert dict(letter.headers)["payload"] == b"beginning"


def test_the_dead_letter_of_a_huge_event_is_a_reference_with_its_beginning() -> None:
    world = carried(b"x" * 5_000_000)

    [letter] = world.source.letters
    headers = dict(letter.headers)
    assert letter.value == b"x" * 10_000
    assert headers["payload"] == b"beginning"
    assert (headers["topic"], headers["partition"], headers["offset"]) == (b"cdp", b"0", b"0")


def brittle(change: MembershipChange, _hash_once: HashOnce | None) -> Rendered:
    """A destination with a fault of ours in it."""
    if change.member_id == "u-1":
        raise KeyError("ana@example.com")
    return Rendered(change.member_id, b"{}")


def test_a_fault_of_ours_on_one_event_is_a_dead_letter_and_says_nothing_of_the_person() -> None:
    routes = {"vip": [route("1", render=brittle), amazon("2", "as_is")]}

    world = carried(event(member=person()), routes=routes)

    [letter] = world.letters()
    assert letter["reason"] == "internal"
    assert "KeyError (test_hostile_events.py, line" in letter["detail"]
    assert "ana@" not in letter["detail"]
    assert next(record.key for _, record in world.source.records) == b"2|u-1"


def test_a_fault_of_ours_in_reading_is_that_events_alone() -> None:
    def read(message: SourceMessage) -> Reading:
        if message.value == b"bad":
            raise RecursionError
        return (MembershipChange("vip", "remove", "neighbour", "US", [AN_EMAIL], None, 0),)

    world = carried(b"bad", read=read)

    assert world.reasons() == {"internal": 1}


@pytest.mark.parametrize("at", [-1, -(10**15), 10**15, 10**30])
def test_a_time_that_no_lane_record_can_hold_is_a_dead_letter(at: int) -> None:
    """
    The sources have their own bounds; this one is what upload can read.
    """

    def read(message: SourceMessage) -> Reading:
        when = at if message.value == b"bad" else 0
        return (MembershipChange("vip", "remove", "neighbour", "US", [AN_EMAIL], None, when),)

    world = carried(b"bad", read=read)

    assert world.reasons() == {"malformed": 1}


def test_a_member_with_a_lone_surrogate_is_a_dead_letter() -> None:
    """
    No key can hold it, whatever a source makes of its bytes.
    """

    def as_it_is(change: MembershipChange, _hash_once: HashOnce | None) -> Rendered:
        return Rendered(change.member_id, b"{}")

    def read(message: SourceMessage) -> Reading:
        member = "\ud800" if message.value == b"bad" else "neighbour"
        return (MembershipChange("vip", "remove", member, "US", [AN_EMAIL], None, 0),)

    world = carried(b"bad", read=read, routes={"vip": [route("2", render=as_it_is)]})

    assert world.reasons() == {"internal": 1}
