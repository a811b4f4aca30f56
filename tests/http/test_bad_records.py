"""Bad records in a full batch of 6000, over real HTTP: all are named, and at what cost."""

from math import ceil, log2
from random import Random

import pytest

from tests.conftest import SEED
from tests.http.verdict import assert_promises_held
from tests.http.world import Setup, Wire, wired

FULL = 6_000
AT_MOST = 2 * ceil(log2(FULL))
"""Requests that one bad record may cost beside the first: 26."""
SETUP = Setup(batch=FULL, in_flight=1, cap=150_000, linger=5.0)


@pytest.fixture
def chance() -> Random:
    """
    Other places for every seed.
    """
    return Random(SEED)


async def searched(bad: list[str]) -> Wire:
    """A full batch with these among its members, worked off."""
    async with wired(SETUP) as wire:
        wire.simulator.faults.poison(bad)
        wire.lane.put([f"member-{number}" for number in range(FULL)])
        await wire.settled()
    return wire


def some_members(chance: Random, count: int) -> list[str]:
    return sorted(f"member-{number}" for number in chance.sample(range(FULL), count))


async def test_one_bad_record_among_six_thousand_costs_at_most_26_requests(chance: Random) -> None:
    """The other 5999 arrive, and the record is named."""
    bad = some_members(chance, 1)

    wire = await searched(bad)

    assert wire.lane.named() == bad
    assert wire.simulator.totals()["records"]["applied"] == FULL - 1
    assert wire.uploads()[0].records == FULL
    assert len(wire.uploads()) <= 1 + AT_MOST
    assert_promises_held(wire, forfeited=1)


async def test_ten_bad_records_among_six_thousand_are_all_named(chance: Random) -> None:
    """Each costs no more than if it were alone, and the other 5990 arrive."""
    bad = some_members(chance, 10)

    wire = await searched(bad)

    assert wire.lane.named() == bad
    assert wire.simulator.totals()["records"]["applied"] == FULL - 10
    assert len(wire.uploads()) <= 1 + 10 * AT_MOST
    assert_promises_held(wire, forfeited=10)


async def test_ten_bad_records_side_by_side_are_named_as_well() -> None:
    """At the very front of the batch, where nothing was accepted before them."""
    bad = sorted(f"member-{number}" for number in range(10))

    wire = await searched(bad)

    assert wire.lane.named() == bad
    assert len(wire.uploads()) <= 1 + 2 * AT_MOST
    assert_promises_held(wire, forfeited=10)
