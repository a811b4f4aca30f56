"""What is kept back, from where it is sent again, and who carries an audience at any moment."""

from pipeline.stages.upload.paused_audiences import Holds, Turned

A, B = 1, 2


def paused_at(offset: int, *audiences: int) -> Holds:
    holds = Holds()
    holds.obey(dict.fromkeys(audiences, True), offset)
    return holds


def replaying_from(offset: int, *audiences: int) -> Holds:
    holds = paused_at(offset, *audiences)
    holds.obey(dict.fromkeys(audiences, False), 99)
    return holds


def test_a_pause_keeps_from_where_the_lane_is_settled_and_is_begun_once() -> None:
    holds = Holds()

    first = holds.obey({A: True, B: False}, 10)
    again = holds.obey({A: True, B: False}, 20)

    assert (first, again) == (Turned([A], []), Turned([], []))
    assert holds.since() == {A: 10}
    assert (holds.keeps(A), holds.keeps(B), holds.keeps(None)) == (True, False, False)


def test_what_ends_while_its_audience_is_paused_is_sent_again_all_the_same() -> None:
    holds = replaying_from(10, A)
    assert holds.takes(A, 10, start=10)
    holds.read(10, 20)
    holds.obey({A: True}, 99)

    holds.settle(A, 10)

    assert holds.since() == {A: 10}
    holds.obey({A: False}, 99)
    assert holds.behind(20) == 10
    assert holds.takes(A, 10, start=10)


def test_a_replay_takes_each_record_of_its_audience_once_and_in_order() -> None:
    holds = replaying_from(10, A)

    first = [offset for offset in (8, 10, 12) if holds.takes(A, offset, start=8)]
    holds.read(8, 13)
    again = [offset for offset in (8, 10, 12, 14) if holds.takes(A, offset, start=8)]

    assert (first, again) == ([10, 12], [14])
    assert not holds.takes(B, 14, start=8)


def test_what_was_read_for_an_audience_before_it_was_turned_back_counts_for_nothing() -> None:
    """
    A stretch was asked for at 15; the audience was paused and resumed before it came.
    """
    holds = replaying_from(10, A)
    holds.takes(A, 10, start=10)
    holds.read(10, 15)
    holds.obey({A: True}, 99)
    holds.obey({A: False}, 99)

    taken = holds.takes(A, 15, start=15)
    holds.read(15, 20)

    assert not taken
    assert holds.behind(20) == 10


def test_the_lanes_reader_carries_an_audience_again_once_both_stand_at_the_same_place() -> None:
    holds = replaying_from(10, A)
    holds.takes(A, 12, start=10)
    holds.read(10, 20)

    holds.meet(21)
    before = holds.keeps(A)
    holds.meet(20)
    holds.end()

    assert (before, holds.keeps(A)) == (True, False)
    assert holds.since()[A] <= 12, "12 was read and has no end yet: a crash must find it"
    holds.settle(A, 12)
    holds.end()
    assert len(holds) == 0


def test_two_audiences_are_read_in_one_pass_and_none_is_passed_over() -> None:
    holds = replaying_from(10, A)
    holds.read(10, 50)
    holds.obey({A: False, B: True}, 30)
    holds.obey({A: False, B: False}, 99)

    start = holds.behind(60)
    taken = [audience for audience in (A, B) if holds.takes(audience, 40, start=30)]
    holds.read(30, 60)

    assert (start, taken) == (30, [B])
    assert holds.behind(60) is None


def test_a_lane_that_lets_go_of_what_waits_replays_from_what_has_no_end() -> None:
    """
    Also for an audience that the lane's reader carried again.
    """
    holds = replaying_from(10, A)
    for offset in (10, 12):
        holds.takes(A, offset, start=10)
    holds.read(10, 20)
    holds.settle(A, 10)
    holds.meet(20)

    holds.turn_back()

    assert holds.keeps(A)
    assert holds.behind(20) == 12


def test_a_successor_goes_on_with_what_was_kept_and_resumes_what_nobody_wants_paused() -> None:
    holds = Holds()

    holds.begin({A: 10, B: 20}, {A: True})

    assert holds.paused() == {A: True, B: False}
    assert holds.behind(30) == 20
