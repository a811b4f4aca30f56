from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.offset_tracker import OffsetTracker

STARTS = st.integers(0, 5)
GAPS = st.lists(st.integers(1, 4), max_size=12)
"""Distances between the offsets of a topic: transactions leave gaps."""


@dataclass(slots=True)
class EveryOffset:
    """The slow way: remembers every offset for ever."""

    start: int
    admitted: list[int] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)

    @property
    def open(self) -> list[int]:
        return [offset for offset in self.admitted if offset not in self.settled]

    @property
    def following(self) -> int:
        return self.admitted[-1] + 1 if self.admitted else self.start


@given(start=STARTS, gaps=GAPS, data=st.data())
def test_what_may_be_committed_ends_at_the_first_open_offset_however_it_is_reached(
    start: int, gaps: list[int], data: st.DataObject
) -> None:
    """
    Read on, settle in any order, and rewind to what is committed at any moment.
    """
    topic = [start + sum(gaps[: count + 1]) - 1 for count in range(len(gaps))]
    tracker, model = OffsetTracker(start), EveryOffset(start)
    position = 0
    for _ in range(data.draw(st.integers(0, 40), label="steps")):
        step = data.draw(st.sampled_from(["read", "settle", "settle", "rewind"]))
        if step == "read" and position < len(topic):
            offset = topic[position]
            position += 1
            assert tracker.admit(offset) == (offset not in model.settled)
            if offset not in model.admitted:
                model.admitted.append(offset)
        elif step == "settle" and model.admitted:
            offset = data.draw(st.sampled_from(model.admitted))
            tracker.settle(offset)
            if offset not in model.settled:
                model.settled.add(offset)
                assert tracker.committable == min(model.open, default=model.following)
        elif step == "rewind":
            position = sum(offset < tracker.committable for offset in topic)

        assert all(tracker.committable <= offset for offset in model.open)
        assert tracker.is_clear == (not model.open)
        assert tracker.span == sum(offset >= tracker.committable for offset in model.admitted)
        assert tracker.next == model.following


@given(start=STARTS, gaps=st.lists(st.integers(1, 4), min_size=1, max_size=12), data=st.data())
def test_whatever_the_order_of_settling_the_end_is_reached_and_nothing_is_kept(
    start: int, gaps: list[int], data: st.DataObject
) -> None:
    topic = [start + sum(gaps[: count + 1]) - 1 for count in range(len(gaps))]
    tracker = OffsetTracker(start)
    for offset in topic:
        tracker.admit(offset)

    for offset in data.draw(st.permutations(topic)):
        tracker.settle(offset)

    assert topic[-1] + 1 == tracker.committable
    assert tracker.is_clear
    assert tracker.span == 0
    assert not tracker._settled


def test_a_gap_does_not_keep_offsets_from_being_committed() -> None:
    tracker = OffsetTracker(10)
    tracker.admit(10)
    tracker.admit(14)

    tracker.settle(10)

    assert tracker.committable == 14


def test_what_may_be_committed_of_an_idle_partition_stays_at_its_start() -> None:
    assert OffsetTracker(7).committable == 7
    assert OffsetTracker(7).is_clear


def test_reading_again_brings_back_what_is_open_and_only_that() -> None:
    tracker = OffsetTracker(0)
    for offset in range(4):
        tracker.admit(offset)
    tracker.settle(0)
    tracker.settle(2)

    again = [tracker.admit(offset) for offset in range(4)]

    assert again == [False, True, False, True]
    assert tracker.span == 3


def test_settling_what_was_never_admitted_changes_nothing() -> None:
    """
    It must not be taken for done when it is read later.
    """
    tracker = OffsetTracker(0)
    tracker.admit(0)

    tracker.settle(1)
    tracker.settle(0)

    assert tracker.committable == 1
    assert tracker.admit(1)
    assert tracker.committable == 1


def test_settling_twice_is_settling_once() -> None:
    tracker = OffsetTracker(0)
    for offset in range(3):
        tracker.admit(offset)

    for offset in (1, 1, 0, 0, 1):
        tracker.settle(offset)

    assert tracker.committable == 2
    assert tracker.span == 1
