"""The owner's topic, where brokers write its messages one after the other."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from pipeline.destinations.snapshots import Window
from pipeline.stages.snapshot.budget import Budget
from pipeline.stages.snapshot.journal import Journal
from pipeline.stages.snapshot.ports import Written
from pipeline.stages.snapshot.run_records import AudienceState, SnapshotFile
from pipeline.stages.snapshot.transitions import claimed, intended, refunded, stored
from tests.fakes.lane_world import TopicRecord
from tests.fakes.snapshot_rules import RULES

WINDOW = Window(start_s=5, end_s=11)


class Died(Exception):
    """The process is no more."""


class OneAfterTheOther:
    """Brokers without transactions, and an owner that dies after so many messages."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.records: list[TopicRecord] = []

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def write(self, messages: Sequence[Written]) -> Sequence[int]:
        return [self._written(one) for one in messages]

    def _written(self, one: Written) -> int:
        if len(self.records) == self.room:
            raise Died
        self.records.append(TopicRecord(len(self.records), one.key, one.value, ()))
        return len(self.records) - 1


def journal_on(brokers: OneAfterTheOther) -> Journal:
    return Journal("owner", brokers, Budget(RULES, lambda: 0.0), lambda: 20)


async def lives(journal: Journal) -> None:
    """A file is made, its run is paid for, and the partner refuses it."""
    claim = claimed(AudienceState(), 1, is_urgent=False, folder="f")
    reading = await journal.write("vip", claim)
    assert reading.n is not None
    file = SnapshotFile(
        n=reading.n,
        path="f/0.csv",
        size=1,
        sha256="",
        etag=None,
        modified_s=8.0,
        members=1,
        rows=1,
        ends={},
        made_ms=2,
    )
    uploaded = await journal.write("vip", stored(reading, file, None, 3))
    paid = await journal.write("vip", intended(uploaded, "vip", WINDOW, 4, contract="new"))
    await journal.write("vip", refunded(paid, journal.run("vip", file.n), 5))


@pytest.mark.parametrize("room", range(7))
async def test_no_state_stands_without_its_run_wherever_its_owner_died(room: int) -> None:
    """
    The run is written first: one that is paid for in vain costs less than one nobody knows of.
    """
    brokers = OneAfterTheOther(room)
    with suppress(Died):
        await lives(journal_on(brokers))

    successor = journal_on(brokers)
    for record in brokers.records:
        successor.take(record)

    state = successor.state("vip")
    assert state.run_n is None or state.run_n in successor.runs("vip")
