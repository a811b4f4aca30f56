"""What is kept back, from where it is sent again, and who carries an audience at any moment."""

from pipeline.stages.upload.paused_audiences import PausedAudiences, Turned

A, B = "1", "2"


def paused_at(offset: int, *audiences: str) -> PausedAudiences:
    paused = PausedAudiences()
    paused.apply(dict.fromkeys(audiences, True), offset)
    return paused


def replaying_from(offset: int, *audiences: str) -> PausedAudiences:
    paused = paused_at(offset, *audiences)
    paused.apply(dict.fromkeys(audiences, False), 99)
    return paused


def test_a_pause_keeps_from_where_the_lane_is_settled_and_is_begun_once() -> None:
    paused = PausedAudiences()

    first = paused.apply({A: True, B: False}, 10)
    again = paused.apply({A: True, B: False}, 20)

    assert (first, again) == (Turned([A], []), Turned([], []))
    assert paused.since() == {A: 10}
    assert (paused.keeps(A), paused.keeps(B), paused.keeps(None)) == (True, False, False)


def test_what_ends_while_its_audience_is_paused_is_sent_again_all_the_same() -> None:
    paused = replaying_from(10, A)
    assert paused.takes(A, 10, start=10)
    paused.read(10, dict.fromkeys(paused.replaying(), 20))
    paused.apply({A: True}, 99)

    paused.settle(A, 10)

    assert paused.since() == {A: 10}
    paused.apply({A: False}, 99)
    assert paused.behind(20, paused.replaying()) == 10
    assert paused.takes(A, 10, start=10)


def test_a_replay_takes_each_record_of_its_audience_once_and_in_order() -> None:
    paused = replaying_from(10, A)

    first = [offset for offset in (8, 10, 12) if paused.takes(A, offset, start=8)]
    paused.read(8, dict.fromkeys(paused.replaying(), 13))
    again = [offset for offset in (8, 10, 12, 14) if paused.takes(A, offset, start=8)]

    assert (first, again) == ([10, 12], [14])
    assert not paused.takes(B, 14, start=8)


def test_what_was_read_for_an_audience_before_it_was_turned_back_counts_for_nothing() -> None:
    """
    A stretch was asked for at 15; the audience was paused and resumed before it came.
    """
    paused = replaying_from(10, A)
    paused.takes(A, 10, start=10)
    paused.read(10, dict.fromkeys(paused.replaying(), 15))
    paused.apply({A: True}, 99)
    paused.apply({A: False}, 99)

    taken = paused.takes(A, 15, start=15)
    paused.read(15, dict.fromkeys(paused.replaying(), 20))

    assert not taken
    assert paused.behind(20, paused.replaying()) == 10


def test_the_lanes_reader_carries_an_audience_again_once_both_stand_at_the_same_place() -> None:
    paused = replaying_from(10, A)
    paused.takes(A, 12, start=10)
    paused.read(10, dict.fromkeys(paused.replaying(), 20))

    paused.meet(21)
    before = paused.keeps(A)
    paused.meet(20)

    assert (before, paused.keeps(A)) == (True, False)
    assert paused.since()[A] <= 12, "12 was read and has no end yet: a crash must find it"
    paused.settle(A, 12)
    assert len(paused) == 0


def test_two_audiences_are_read_in_one_pass_and_none_is_passed_over() -> None:
    paused = replaying_from(10, A)
    paused.read(10, dict.fromkeys(paused.replaying(), 50))
    paused.apply({A: False, B: True}, 30)
    paused.apply({A: False, B: False}, 99)

    start = paused.behind(60, paused.replaying())
    taken = [audience for audience in (A, B) if paused.takes(audience, 40, start=30)]
    paused.read(30, dict.fromkeys(paused.replaying(), 60))

    assert (start, taken) == (30, [B])
    assert paused.behind(60, paused.replaying()) is None


def test_a_lane_that_lets_go_of_what_waits_replays_from_what_has_no_end() -> None:
    """
    Also for an audience that the lane's reader carried again.
    """
    paused = replaying_from(10, A)
    for offset in (10, 12):
        paused.takes(A, offset, start=10)
    paused.read(10, dict.fromkeys(paused.replaying(), 20))
    paused.settle(A, 10)
    paused.meet(20)

    paused.turn_back()

    assert paused.keeps(A)
    assert paused.behind(20, paused.replaying()) == 12


def test_a_successor_goes_on_with_what_was_kept_and_resumes_what_nobody_wants_paused() -> None:
    paused = PausedAudiences()

    paused.begin({A: 10, B: 20}, {A: True})

    assert paused.paused() == {A: True, B: False}
    assert paused.behind(30, paused.replaying()) == 20
