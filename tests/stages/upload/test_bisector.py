from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.send_result import Refused, TooLarge
from pipeline.stages.upload.batching import Batch, QueuedRecord
from pipeline.stages.upload.bisector import HOPELESS_RUN, Bisector
from pipeline.telemetry.facts import FlushReason

LARGE = 6000


def batch(size: int, reason: FlushReason = "records") -> Batch:
    records = [
        QueuedRecord(b"7|%d" % number, b"{}", number, "7", "add", 0, b"", 0.0)
        for number in range(size)
    ]
    return Batch("7", records, reason)


class Asked:
    """What a partner that refuses every part with a bad record was asked, and what came of it."""

    def __init__(self, bisector: Bisector, bad: set[int]) -> None:
        self.bisector = bisector
        self.requests = 0
        self.accepted: list[int] = []
        while part := bisector.take():
            self.requests += 1
            offsets = [record.offset for record in part]
            if bad.isdisjoint(offsets):
                self.accepted += offsets
                bisector.accepted()
            else:
                bisector.refused(part, Refused("400 no"))

    @property
    def named(self) -> list[int]:
        return sorted(one.record.offset for one in self.bisector.bad)


def asked(size: int, bad: set[int]) -> Asked:
    return Asked(Bisector(batch(size), is_doubted=False), bad)


@given(size=st.integers(1, LARGE), place=st.integers(0, LARGE - 1))
def test_one_bad_record_costs_two_requests_for_each_time_that_the_batch_can_be_halved(
    size: int, place: int
) -> None:
    there = asked(size, {place % size})

    assert there.named == [place % size]
    assert sorted([*there.accepted, *there.named]) == list(range(size))
    assert there.requests <= 1 + 2 * ceil(log2(size))


@settings(max_examples=50)
@given(bad=st.sets(st.integers(0, LARGE - 1), max_size=10))
def test_ten_bad_records_are_named_wherever_they_are(bad: set[int]) -> None:
    there = asked(LARGE, bad)

    assert there.named == sorted(bad)
    assert len(there.accepted) == LARGE - len(bad)


@pytest.mark.parametrize("first", [0, 1495, 2995, LARGE - 10])
def test_ten_bad_records_side_by_side_are_no_reason_to_stop(first: int) -> None:
    there = asked(LARGE, set(range(first, first + 10)))

    assert there.named == list(range(first, first + 10))


@pytest.mark.parametrize("size", [10, 99, 100, 1000, LARGE])
def test_where_nothing_is_accepted_ten_records_are_enough_to_know(size: int) -> None:
    there = asked(size, set(range(size)))

    assert there.bisector.is_hopeless
    assert there.requests <= 60


@pytest.mark.parametrize(("bad", "is_hopeless"), [(10, False), (11, True)])
def test_more_than_a_tenth_of_a_hundred_is_too_much(bad: int, is_hopeless: bool) -> None:
    there = asked(100, set(range(0, 9 * bad, 9)))

    assert there.bisector.is_hopeless is is_hopeless


def test_fewer_than_ten_records_may_all_be_bad() -> None:
    there = asked(9, set(range(9)))

    assert not there.bisector.is_hopeless
    assert len(there.named) == 9


def test_small_batches_of_a_lane_are_judged_together() -> None:
    bisector = Bisector(batch(2), is_doubted=False)
    while part := bisector.take(in_a_row=9):
        bisector.refused(part, Refused("400 no"))

    assert bisector.is_hopeless
    assert len(bisector.bad) == 1


def test_a_batch_of_which_something_is_accepted_is_not_judged_by_those_before_it() -> None:
    bisector = Bisector(batch(2), is_doubted=False)
    bisector.take(in_a_row=0)
    bisector.accepted()

    assert bisector.take(in_a_row=50) is None
    assert not bisector.is_hopeless


def test_a_record_that_is_too_large_is_named_for_that() -> None:
    bisector = Bisector(batch(1), is_doubted=False)
    part = bisector.take()
    assert part is not None

    bisector.refused(part, TooLarge())

    assert [one.reason for one in bisector.bad] == ["record_too_large"]


class TestDoubted:
    def test_a_probe_begins_with_one_record(self) -> None:
        bisector = Bisector(batch(HOPELESS_RUN, "probe"), is_doubted=True)

        first = bisector.take()

        assert first is not None
        assert [record.offset for record in first] == [0]

    @pytest.mark.parametrize("size", [1, 2, 9, 10])
    def test_a_probe_that_is_refused_as_a_whole_proves_nothing(self, size: int) -> None:
        there = Asked(Bisector(batch(size, "probe"), is_doubted=True), set(range(size)))

        assert there.bisector.is_hopeless

    def test_what_is_refused_while_others_are_accepted_is_bad(self) -> None:
        there = Asked(Bisector(batch(10, "probe"), is_doubted=True), {0, 4})

        assert not there.bisector.is_hopeless
        assert there.named == [0, 4]
        assert sorted(there.accepted) == [1, 2, 3, 5, 6, 7, 8, 9]

    def test_what_was_refused_before_the_partner_came_to_its_senses_is_sent_again(self) -> None:
        bisector = Bisector(batch(2, "probe"), is_doubted=True)
        first = bisector.take()
        assert first is not None
        bisector.refused(first, Refused("400 no"))
        bisector.take()
        bisector.accepted()

        again = bisector.take()
        bisector.accepted()

        assert again == first
        assert bisector.take() is None
        assert bisector.bad == []
