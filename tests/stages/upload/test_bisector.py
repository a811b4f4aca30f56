from collections import Counter
from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.send_result import Refused, TooLarge
from pipeline.stages.upload.batching import Batch, QueuedRecord
from pipeline.stages.upload.bisector import HOPELESS_RUN, Bisector
from pipeline.stages.upload.poison_record import PATIENCE
from pipeline.stages.upload.tally import Tally
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
        return sorted(one.record.offset for one in self.bisector.poison)


def asked(size: int, bad: set[int]) -> Asked:
    return Asked(Bisector(batch(size), tally=Tally(), is_doubted=False), bad)


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


@pytest.mark.parametrize("tally", [Tally(refused=9), Tally(refused_of=Counter({"7": 9}))])
def test_small_batches_of_a_lane_or_an_audience_are_judged_together(tally: Tally) -> None:
    bisector = Bisector(batch(2), tally=tally, is_doubted=False)
    while part := bisector.take():
        bisector.refused(part, Refused("400 no"))

    assert bisector.is_hopeless
    assert len(bisector.poison) == 1


def test_a_batch_of_which_something_is_accepted_is_not_judged_by_those_before_it() -> None:
    tally = Tally()
    bisector = Bisector(batch(2), tally=tally, is_doubted=False)
    bisector.take()
    bisector.accepted()
    tally.was_refused("7", 50)

    assert bisector.take() is None
    assert not bisector.is_hopeless


def test_a_record_that_is_too_large_is_named_for_that() -> None:
    bisector = Bisector(batch(1), tally=Tally(), is_doubted=False)
    part = bisector.take()
    assert part is not None

    bisector.refused(part, TooLarge())

    assert [one.reason for one in bisector.poison] == ["record_too_large"]


class TestFailing:
    """The partner fails on a part: it answers with errors of its own, or not at all."""

    @given(size=st.integers(1, LARGE))
    def test_after_an_outage_a_batch_is_in_a_few_parts_and_nothing_is_given_up(
        self, size: int
    ) -> None:
        """Halved down to one record, by failures that said nothing of the records."""
        bisector = Bisector(batch(size), tally=Tally(), is_doubted=False)
        while (part := bisector.take()) is not None and bisector.failing is None:
            if len(part) == 1:
                break
            bisector.failed(part, "503")
        requests, accepted = 0, 0
        while part is not None:
            requests, accepted = requests + 1, accepted + len(part)
            bisector.accepted()
            part = bisector.take()

        assert accepted == size
        assert requests <= 1 + 2 * ceil(log2(size))
        assert bisector.poison == []

    @given(size=st.integers(2, LARGE), place=st.integers(0, LARGE - 1))
    def test_what_is_sent_to_find_one_poison_record_is_bounded(self, size: int, place: int) -> None:
        """Ten times the batch, and then one record at a time."""
        bisector, poison = Bisector(batch(size), tally=Tally(), is_doubted=False), place % size
        sent = 0
        while (part := bisector.take()) is not None and bisector.failing is None:
            is_poison = any(record.offset == poison for record in part)
            sent += len(part) * (PATIENCE if is_poison else 1)
            if is_poison:
                bisector.failed(part, "503")
            else:
                bisector.accepted()

        assert part is not None
        assert [record.offset for record in part] == [poison]
        assert sent <= 11 * size + 5 * ceil(log2(size)) * 2

    def test_a_record_that_fails_alone_comes_again_after_all_others_once_others_pass(self) -> None:
        tally = Tally()
        bisector = Bisector(batch(2), tally=tally, is_doubted=False)
        both = bisector.take()
        assert both is not None
        bisector.failed(both, "503")
        first = bisector.take()
        assert first is not None
        bisector.failed(first, "503")
        tally.was_accepted("7", is_first=True)

        second = bisector.take()
        bisector.accepted()
        again = bisector.take()

        assert second is not None
        assert [record.offset for record in [*first, *second]] == [0, 1]
        assert again == first
        assert bisector.failing is not None

    def test_while_nothing_passes_no_further_part_is_tried_than_the_first_that_fails_alone(
        self,
    ) -> None:
        bisector = Bisector(batch(LARGE), tally=Tally(), is_doubted=False)
        parts = []
        for _ in range(200):
            part = bisector.take()
            assert part is not None
            parts.append(part)
            bisector.failed(part, "503")

        assert len({part[0].offset for part in parts if len(part) == 1}) == 1
        assert len([part for part in parts if len(part) > 1]) <= 2 * ceil(log2(LARGE))


class TestDoubted:
    def test_a_probe_begins_with_one_record(self) -> None:
        bisector = Bisector(batch(HOPELESS_RUN, "probe"), tally=Tally(), is_doubted=True)

        first = bisector.take()

        assert first is not None
        assert [record.offset for record in first] == [0]

    @pytest.mark.parametrize("size", [1, 2, 9, 10])
    def test_a_probe_that_is_refused_as_a_whole_proves_nothing(self, size: int) -> None:
        there = Asked(
            Bisector(batch(size, "probe"), tally=Tally(), is_doubted=True), set(range(size))
        )

        assert there.bisector.is_hopeless

    def test_what_is_refused_while_others_are_accepted_is_bad(self) -> None:
        there = Asked(Bisector(batch(10, "probe"), tally=Tally(), is_doubted=True), {0, 4})

        assert not there.bisector.is_hopeless
        assert there.named == [0, 4]
        assert sorted(there.accepted) == [1, 2, 3, 5, 6, 7, 8, 9]

    def test_what_was_refused_before_the_partner_came_to_its_senses_is_sent_again(self) -> None:
        bisector = Bisector(batch(2, "probe"), tally=Tally(), is_doubted=True)
        first = bisector.take()
        assert first is not None
        bisector.refused(first, Refused("400 no"))
        bisector.take()
        bisector.accepted()

        again = bisector.take()
        bisector.accepted()

        assert again == first
        assert bisector.take() is None
        assert bisector.poison == []
