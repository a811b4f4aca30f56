"""An audience that goes another way now, while older changes of its members still wait."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.configuration.load import load, settings_from
from pipeline.kafka.cluster import admin_client
from pipeline.kafka.lane_backlogs import Backlog, backlogs
from pipeline.kafka.lane_positions import LaneTopicFacts
from pipeline.kafka.offset_resolver import Said, metadata
from pipeline.kafka.topics import Topics
from pipeline.operations.cluster_setup import client_options
from pipeline.operations.lane_topics import left_behind
from pipeline.operations.moved_audiences import moved
from pipeline.sandbox.broker import EmbeddedBroker
from tests.cli.test_commands import _logging_is_put_back
from tests.cli.test_lanes import LANE, LEFT, SECOND, VIP, Operator, operator
from tests.configuration.test_example_files import Example, destination, target
from tests.integration.world import connection

__all__ = ["_logging_is_put_back", "operator"]

PLACE = "audience.records."


def said(records: Mapping[str, int], lane: str = LEFT, *, is_whole: bool = True) -> list[str]:
    """What is said where `vip` goes through LANE, and these records wait in another one."""
    settings = settings_from(Example().document, Path())
    return [str(one) for one in moved(settings, [Backlog(PLACE + lane, records, is_whole)])]


def test_an_audience_whose_older_records_wait_elsewhere_is_named_with_the_way_out() -> None:
    [line] = said({"1": 3})

    assert line == (
        f"audience 1 (vip) goes through lane {LANE} now, and 3 older records of it wait in lane "
        f"{LEFT}: nobody sends them; move it back to lane {LEFT} until nothing waits there, or "
        f"delete them with `lanes retire {LEFT}`"
    )
    assert "and at least 3 older records" in said({"1": 3}, is_whole=False)[0]


def test_a_lane_that_is_served_sends_them_so_the_new_one_has_to_be_paused_meanwhile() -> None:
    example = Example().put("audiences.1", {"audience": "x", "destinations": [target()]})
    example.put("audiences.1.destinations.0", target(audience_id=2, connection_id="left"))
    settings = settings_from(example.document, Path())

    [one] = moved(settings, [Backlog(PLACE + LEFT, {"1": 3, "2": 5}, is_whole=True)])

    assert one.is_served
    assert "`lanes pause 1`, and `lanes resume 1` once `lanes list` no longer says this" in str(one)


@pytest.mark.parametrize(
    ("records", "lane"),
    [({"1": 3}, LANE), ({"7": 3}, LEFT), ({}, LEFT)],
    ids=["the lane it goes through", "not configured any more", "nothing waits"],
)
def test_an_audience_without_two_ways_is_not_named(records: Mapping[str, int], lane: str) -> None:
    assert said(records, lane) == []


def test_of_a_destination_that_has_left_too_the_id_alone_counts() -> None:
    assert "1 (vip) goes through" in said({"1": 3}, "amazon-old.left")[0]


def test_an_audience_that_goes_both_ways_has_not_left_the_one_with_the_backlog() -> None:
    example = Example().put("destinations.amazon-eu", destination(region="EU"))
    both = [target(), target(destination="amazon-eu", connection_id="europe")]
    settings = settings_from(example.put("audiences.0.destinations", both).document, Path())

    assert list(moved(settings, [Backlog(f"{PLACE}amazon-eu.europe", {"1": 3}, True)])) == []


async def test_a_start_and_the_list_name_an_audience_that_left_a_lane_with_records_of_it(
    operator: Operator,
) -> None:
    await operator.make(LANE, SECOND, LEFT)
    await operator.fill(SECOND, 3)
    await operator.fill(LEFT, 2)
    await operator.fill(LANE, 9)
    await operator.commit(SECOND, 1, metadata(clean=True))

    settings = load(operator.config, {})
    where = client_options(settings.kafka)
    async with admin_client(where, 30) as admin:
        existing = await Topics(admin, None).partitions()
        found = await left_behind(settings, admin, where, existing)
    listed = await operator.listed()
    table = await operator.types("lanes list")

    lines = [line for line in found if "goes through lane" in line]
    assert len(lines) == 2
    assert lines[0].startswith(f"audience {VIP} (vip) goes through lane {LANE} now, and 2")
    assert f"older records of it wait in lane {LEFT}: nobody sends them" in lines[0]
    assert f"2 older records of it wait in lane {SECOND}: if sent after newer" in lines[1]
    assert listed[SECOND]["moved"] == [
        {
            "audience_id": str(VIP),
            "audiences": ["vip"],
            "lane": SECOND,
            "now": LANE,
            "waiting": 2,
            "at_least": False,
            "is_served": True,
        }
    ]
    assert listed[LANE]["moved"] == []
    assert f"`lanes retire {LEFT}`" in table.out


async def test_of_a_paused_audience_what_was_kept_waits_too_and_of_others_only_the_rest(
    embedded_broker: EmbeddedBroker, operator: Operator
) -> None:
    await operator.make(SECOND)
    await operator.fill(SECOND, 10)
    topic = f"{operator.namespace}.records.{SECOND}"

    async def counted(said: Said | None, committed: int, most: int = 100) -> Backlog:
        facts = LaneTopicFacts(
            topic=topic, committed=committed, end=10, waiting=10 - committed, oldest_ms=0, said=said
        )
        [found] = await backlogs(
            connection(embedded_broker),
            [facts],
            read_committed=False,
            clock=lambda: 0.0,
            most_records=most,
        )
        return found

    assert await counted(Said(True, {str(VIP): 4}, None), 7) == Backlog(topic, {str(VIP): 6}, True)
    assert await counted(Said(True, {"8": 4}, None), 7) == Backlog(topic, {str(VIP): 3}, True)
    assert await counted(None, 0, most=5) == Backlog(topic, {str(VIP): 5}, False)


async def test_what_was_not_reached_in_time_is_not_waited_for(
    embedded_broker: EmbeddedBroker, operator: Operator
) -> None:
    await operator.make(SECOND)
    topic = f"{operator.namespace}.records.{SECOND}"
    facts = LaneTopicFacts(topic=topic, committed=0, end=9, waiting=9, oldest_ms=0, said=None)
    ticks = iter([0.0, 11.0])

    found = await backlogs(
        connection(embedded_broker), [facts], read_committed=False, clock=lambda: next(ticks)
    )

    assert found == [Backlog(topic, {}, is_whole=False)]
