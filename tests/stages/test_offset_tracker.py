from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.offset_tracker import Watermark

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
def test_the_watermark_is_the_first_open_offset_however_it_is_reached(
    start: int, gaps: list[int], data: st.DataObject
) -> None:
    """
    Read on, settle in any order, and rewind to what is committed at any moment.
    """
    topic = [start + sum(gaps[: count + 1]) - 1 for count in range(len(gaps))]
    watermark, model = Watermark(start), EveryOffset(start)
    position = 0
    for _ in range(data.draw(st.integers(0, 40), label="steps")):
        step = data.draw(st.sampled_from(["read", "settle", "settle", "rewind"]))
        if step == "read" and position < len(topic):
            offset = topic[position]
            position += 1
            assert watermark.admit(offset) == (offset not in model.settled)
            if offset not in model.admitted:
                model.admitted.append(offset)
        elif step == "settle" and model.admitted:
            offset = data.draw(st.sampled_from(model.admitted))
            watermark.settle(offset)
            if offset not in model.settled:
                model.settled.add(offset)
                assert watermark.committable == min(model.open, default=model.following)
        elif step == "rewind":
            position = sum(offset < watermark.committable for offset in topic)

        assert all(watermark.committable <= offset for offset in model.open)
        assert watermark.is_clear == (not model.open)
        assert watermark.span == sum(offset >= watermark.committable for offset in model.admitted)
        assert watermark.next == model.following


@given(start=STARTS, gaps=st.lists(st.integers(1, 4), min_size=1, max_size=12), data=st.data())
def test_whatever_the_order_of_settling_the_end_is_reached_and_nothing_is_kept(
    start: int, gaps: list[int], data: st.DataObject
) -> None:
    topic = [start + sum(gaps[: count + 1]) - 1 for count in range(len(gaps))]
    watermark = Watermark(start)
    for offset in topic:
        watermark.admit(offset)

    for offset in data.draw(st.permutations(topic)):
        watermark.settle(offset)

    assert topic[-1] + 1 == watermark.committable
    assert watermark.is_clear
    assert watermark.span == 0
    assert not watermark._settled


def test_a_gap_does_not_hold_the_watermark_up() -> None:
    watermark = Watermark(10)
    watermark.admit(10)
    watermark.admit(14)

    watermark.settle(10)

    assert watermark.committable == 14


def test_a_watermark_of_an_idle_partition_stays_at_its_start() -> None:
    assert Watermark(7).committable == 7
    assert Watermark(7).is_clear


def test_reading_again_brings_back_what_is_open_and_only_that() -> None:
    watermark = Watermark(0)
    for offset in range(4):
        watermark.admit(offset)
    watermark.settle(0)
    watermark.settle(2)

    again = [watermark.admit(offset) for offset in range(4)]

    assert again == [False, True, False, True]
    assert watermark.span == 3


def test_settling_what_was_never_admitted_changes_nothing() -> None:
    """
    It must not be taken for done when it is read later.
    """
    watermark = Watermark(0)
    watermark.admit(0)

    watermark.settle(1)
    watermark.settle(0)

    assert watermark.committable == 1
    assert watermark.admit(1)
    assert watermark.committable == 1


def test_settling_twice_is_settling_once() -> None:
    watermark = Watermark(0)
    for offset in range(3):
        watermark.admit(offset)

    for offset in (1, 1, 0, 0, 1):
        watermark.settle(offset)

    assert watermark.committable == 2
    assert watermark.span == 1
