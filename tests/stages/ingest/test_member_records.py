"""What stands in the topic of memberships after an event, and by which time it counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from pipeline.domain.change import MembershipChange
from pipeline.domain.member_record import (
    MemberRecord,
    Place,
    decode_member,
    member_key,
    partition_of,
)
from pipeline.domain.reasons import Rendered
from pipeline.stages.ingest.route import MemberRoute
from pipeline.stages.ports import OutgoingRecord, Partition
from pipeline.telemetry.facts import LaneLabel
from tests.fakes.ingest_world import IngestWorld, event, route
from tests.fakes.lane_world import TopicRecord
from tests.fakes.source_world import Broker
from tests.fakes.virtual_loop import run_virtual
from tests.toys.daily import DAILY, RENDERING, DailySettings, DailyTarget

TOPIC = "ns.members.files"
OCCURRED_MS = 1_795_342_500_000
"""2026-11-22T10:15:00Z"""
SETTINGS = DailySettings(kind="daily", api_url="http://127.0.0.1:9")


def members(audience: str = "vip", *, absent_removes: bool = False) -> MemberRoute:
    target = DailyTarget(destination="files", audience_key=audience)
    return MemberRoute(
        lane=LaneLabel("files", "snapshots"),
        topic=TOPIC,
        audience_id=audience,
        render=DAILY.renderer(SETTINGS, target),
        absent_consent_removes=absent_removes,
    )


def of(world: IngestWorld) -> Sequence[MemberRecord]:
    """The records of memberships that came of all events."""
    run_virtual(world.carried())
    found = [decode_member(record.value) for _, record in written(world)]
    assert all(isinstance(one, MemberRecord) for one in found)
    return [one for one in found if isinstance(one, MemberRecord)]


def written(world: IngestWorld) -> Sequence[tuple[Partition, OutgoingRecord]]:
    return [(where, record) for where, record in world.source.records if where.topic == TOPIC]


def world_of(
    *events: bytes, written_at_ms: int = OCCURRED_MS + 1_000, **changed: object
) -> IngestWorld:
    made: dict[str, object] = {"routes": {"vip": [members()]}, **changed}
    world = IngestWorld(**made)  # type: ignore[arg-type]
    for value in events:
        place = len(world.source.events)
        world.source.events.append(TopicRecord(place, b"key", value, (), written_at_ms))
    return world


def add(name: str = "u-1", /, **changed: object) -> bytes:
    member = {
        "id": name,
        "identities": [{"email": f"{name}@example.com"}],
        "attributes": {"tier": "gold", "points": 7},
    }
    return event(name, **{"member": member, **changed})


def test_an_add_becomes_what_the_partner_rendered_with_its_time_and_place() -> None:
    world = world_of(event(), add("u-2"))

    [_, found] = of(world)
    [_, (where, record)] = written(world)

    assert found == MemberRecord(
        True, OCCURRED_MS, Place("cdp", 0, 1, 0), RENDERING, "u-2@example.com", ["gold", "7"]
    )
    assert record.key == member_key("vip", "u-2")
    assert where == Partition(TOPIC, partition_of(record.key))
    assert world.telemetry.count("records_prepared") == 2


def test_a_member_without_the_wanted_identity_is_a_member() -> None:
    [found] = of(world_of(event()))

    assert (found.is_member, found.identity, found.cells) == (True, None, [])


def test_a_remove_needs_no_identity_and_nothing_else_about_the_person() -> None:
    """
    Whatever the partner would say of an add: consent, identities and countries are not asked for.
    """
    consent = {"files": "missing"}
    removal = event(action="remove", consent=consent, member={"id": "u-1", "country": 7})
    world = world_of(removal)

    [found] = of(world)

    assert found == MemberRecord(False, OCCURRED_MS, Place("cdp", 0, 0, 0))
    assert written(world)[0][1].key == member_key("vip", "u-1")
    assert not world.source.letters


@pytest.mark.parametrize("consent", [None, {"files": "denied"}])
def test_a_member_id_that_may_be_personal_is_in_no_topic(consent: dict[str, str] | None) -> None:
    """
    Whether the person is removed, or must leave because of what they said.
    """
    action = "remove" if consent is None else "add"
    member = {"id": "u-1@example.com", "identities": []}
    world = world_of(event(action=action, consent=consent, member=member))

    assert of(world) == []
    assert world.reasons() == {"invalid_member_id": 1}


def test_denied_consent_removes() -> None:
    """
    And it is counted as withheld: nothing of the person goes out.
    """
    world = world_of(add(consent={"files": "denied"}))

    [found] = of(world)

    assert found == MemberRecord(False, OCCURRED_MS, Place("cdp", 0, 0, 0))
    assert b"example.com" not in written(world)[0][1].value
    assert world.telemetry.count("changes_withheld") == 1


@pytest.mark.parametrize("removes", [False, True])
def test_absent_consent_removes_where_that_is_set_and_changes_nothing_elsewhere(
    removes: bool,
) -> None:
    routes = {"vip": [members(absent_removes=removes)]}
    world = world_of(add(consent={"files": "missing"}), routes=routes)

    found = of(world)

    assert [one.is_member for one in found] == ([False] if removes else [])
    assert world.telemetry.count("changes_withheld") == 1
    assert not world.source.letters


def test_a_withdrawal_of_consent_says_so_in_every_audience() -> None:
    routes = {"vip": [members()], "new": [members("new")], "lane": [route("lane")]}
    world = world_of(event(action="withdraw_consent", audience=None), routes=routes)

    found = of(world)

    assert [(one.is_member, one.is_withdrawal) for one in found] == [(False, True)] * 2
    assert {record.key for _, record in written(world)} == {
        member_key("vip", "u-1"),
        member_key("new", "u-1"),
    }
    assert len(world.source.in_topic("lane")) == 1


def test_a_remove_that_is_no_withdrawal_says_nothing_of_one() -> None:
    [found] = of(world_of(event(action="remove")))

    assert not found.is_withdrawal


def test_each_change_of_an_event_has_a_place_of_its_own() -> None:
    listed = event(action="withdraw_consent", audience=None, audiences=["vip", "vip", "new"])
    routes = {"vip": [members()], "new": [members("new")]}

    found = of(world_of(listed, routes=routes))

    assert [one.place for one in found] == [Place("cdp", 0, 0, number) for number in range(3)]


def test_a_change_from_the_future_counts_from_when_it_was_written() -> None:
    """
    Else no remove of today could ever win against it.
    """
    written_at_ms = OCCURRED_MS + 5_000
    future = add(occurred_at="2029-01-01T00:00:00Z")

    [found, removal] = of(
        world_of(future, event("u-1", action="remove"), written_at_ms=written_at_ms)
    )

    assert found.changed_at_ms == written_at_ms
    assert removal.changed_at_ms == OCCURRED_MS


@pytest.mark.parametrize("written_at_ms", [-1, 0, OCCURRED_MS * 2])
def test_a_message_without_a_usable_time_is_bound_by_our_own_clock(written_at_ms: int) -> None:
    wall_ms = OCCURRED_MS + 9_000
    future = add(occurred_at="2029-01-01T00:00:00Z")

    [found] = of(world_of(future, written_at_ms=written_at_ms, wall_ms=wall_ms))

    assert found.changed_at_ms == wall_ms


def test_a_source_that_restates_counts_from_when_its_message_was_written() -> None:
    """
    An old add that is said once more is no old add: whoever is missing is a member again.
    """
    [found] = of(world_of(add(), written_at_ms=OCCURRED_MS + 86_400_000, restates=True))

    assert found.changed_at_ms == OCCURRED_MS + 86_400_000


def test_a_member_that_its_topic_does_not_take_becomes_a_dead_letter() -> None:
    world = world_of(add(), broker=Broker(says={TOPIC: 100}))

    assert of(world) == []
    assert world.reasons() == {"record_too_large": 1}


def test_one_change_goes_to_lanes_and_to_memberships() -> None:
    world = world_of(add(), routes={"vip": [route("vip"), members()]})

    [found] = of(world)

    assert found.is_member
    assert len(world.source.in_topic("lane")) == 1


@dataclass(frozen=True)
class _Failing:
    """A renderer with a fault in what it does for adds."""

    def __call__(self, change: MembershipChange, _: object) -> object:
        if change.action == "remove":
            return Rendered(change.member_id, b"")
        raise ValueError("u-1@example.com")


def test_a_fault_of_the_renderer_is_one_dead_letter_and_quotes_nothing() -> None:
    broken = members()
    routes = {
        "vip": [
            MemberRoute(
                lane=broken.lane,
                topic=TOPIC,
                audience_id="vip",
                render=_Failing(),  # type: ignore[arg-type]
                absent_consent_removes=False,
            )
        ]
    }
    world = world_of(add(), event(action="remove"), routes=routes)

    [found] = of(world)

    assert not found.is_member
    assert world.reasons() == {"internal": 1}
    assert "example.com" not in world.letters()[0]["detail"]
