from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.poll.turns import Turns


def test_nothing_waits_in_new_turns() -> None:
    turns: Turns[str] = Turns()

    assert turns.take(0.0) is None
    assert turns.due_in(0.0) is None
    assert len(turns) == 0


def test_nothing_is_taken_before_it_is_due() -> None:
    turns: Turns[str] = Turns()
    turns.add("a", 10.0, "later")

    assert turns.take(9.9) is None
    assert turns.due_in(4.0) == 6.0
    assert turns.take(10.0) == "later"


def test_what_is_overdue_is_due_now() -> None:
    turns: Turns[str] = Turns()
    turns.add("a", 1.0, "job")

    assert turns.due_in(5.0) == 0.0


def test_a_busy_connection_does_not_crowd_out_the_rest() -> None:
    turns: Turns[str] = Turns()
    for number in range(100):
        turns.add("busy", 0.0, f"busy {number}")
    turns.add("quiet", 5.0, "quiet")

    taken = [turns.take(5.0), turns.take(5.0)]

    assert "quiet" in taken


def test_of_one_connection_what_was_due_first_goes_first() -> None:
    turns: Turns[str] = Turns()
    for due, name in [(3.0, "third"), (1.0, "first"), (2.0, "second"), (1.0, "after the first")]:
        turns.add("a", due, name)

    taken = [turns.take(9.0) for _ in range(4)]

    assert taken == ["first", "after the first", "second", "third"]


def test_things_that_cannot_be_compared_may_be_due_together() -> None:
    turns: Turns[object] = Turns()
    turns.add("a", 1.0, object())
    turns.add("a", 1.0, object())

    assert turns.take(1.0) is not None


@given(
    items=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=40),
    now=st.integers(0, 20),
)
def test_connections_take_turns_and_nothing_is_lost(items: list[tuple[str, int]], now: int) -> None:
    """
    Among what is due, no connection is asked twice while another one waits for its first time.
    """
    turns: Turns[tuple[str, int]] = Turns()
    for owner, due in items:
        turns.add(owner, float(due), (owner, due))

    taken = []
    while (item := turns.take(float(now))) is not None:
        taken.append(item)

    assert sorted(taken) == sorted(item for item in items if item[1] <= now)
    assert len(turns) == len(items) - len(taken)
    for owner in {owner for owner, _ in taken}:
        mine = [place for place, item in enumerate(taken) if item[0] == owner]
        for earlier, later in pairwise(mine):
            between = [item[0] for item in taken[earlier + 1 : later]]
            waiting = {item[0] for item in taken[later:]} - {owner}
            assert waiting <= set(between)
    left = [due for _, due in items if due > now]
    assert turns.due_in(float(now)) == (min(left) - now if left else None)
