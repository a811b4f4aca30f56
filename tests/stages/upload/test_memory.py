from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.upload.memory import Budget

SHARE = 100
FETCH = 30
NAMES = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["fetch", "fetch", "settle", "release"]),
        st.floats(0.0, 1.0),
    ),
    max_size=60,
)


def played(budget: Budget, steps: list[tuple[str, str, float]]) -> list[dict[str, int]]:
    """
    Lanes that fetch only while they have room, and may then get a fetch more than that.
    """
    used = dict.fromkeys(NAMES, 0)
    history = []
    for name, step, share in steps:
        if step == "fetch" and budget.room(name) > 0:
            used[name] += round(share * (budget.room(name) + FETCH))
        elif step == "settle":
            used[name] = round(share * used[name])
        elif step == "release":
            used[name] = 0
        if step == "release":
            budget.release(name)
        else:
            budget.occupy(name, used[name])
        history.append(dict(used))
    return history


@given(total=st.integers(0, 1000), steps=STEPS)
def test_nobody_takes_what_is_guaranteed_to_another(
    total: int, steps: list[tuple[str, str, float]]
) -> None:
    budget = Budget(total, guaranteed=SHARE, lanes=len(NAMES))

    for count in range(len(steps)):
        used = played(Budget(total, guaranteed=SHARE, lanes=len(NAMES)), steps[: count + 1])[-1]
        for name in NAMES:
            budget.occupy(name, used[name])

        assert all(budget.room(name) >= SHARE - used[name] for name in NAMES)


@given(total=st.integers(SHARE * len(NAMES), 1000), steps=STEPS)
def test_lanes_together_exceed_the_total_by_one_fetch_each_at_most(
    total: int, steps: list[tuple[str, str, float]]
) -> None:
    budget = Budget(total, guaranteed=SHARE, lanes=len(NAMES))

    history = played(budget, steps)

    assert all(sum(used.values()) <= total + FETCH * len(NAMES) for used in history)
    assert budget.used == (sum(history[-1].values()) if history else 0)


@given(total=st.integers(SHARE * len(NAMES), 1000))
def test_a_lane_alone_may_use_all_but_what_is_guaranteed_to_the_others(total: int) -> None:
    budget = Budget(total, guaranteed=SHARE, lanes=len(NAMES))

    assert budget.room("a") == total - 2 * SHARE
    budget.occupy("a", total - 2 * SHARE)
    assert budget.room("a") == 0
    assert budget.room("b") == SHARE


def test_a_lane_over_its_room_is_told_by_how_much() -> None:
    budget = Budget(500, guaranteed=SHARE, lanes=3)

    budget.occupy("a", 320)

    assert budget.room("a") == -20


def test_what_a_lost_lane_held_is_free_again() -> None:
    budget = Budget(400, guaranteed=SHARE, lanes=3)
    budget.occupy("a", 200)
    assert budget.room("b") == SHARE

    budget.release("a")

    assert budget.room("b") == 2 * SHARE
    assert budget.used == 0


def test_a_budget_smaller_than_its_guarantees_lends_nothing() -> None:
    budget = Budget(150, guaranteed=SHARE, lanes=3)

    assert [budget.room(name) for name in NAMES] == [SHARE] * 3
    budget.occupy("a", SHARE)
    assert budget.room("a") == 0
