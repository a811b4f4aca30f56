from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.amazon_ads.members import Memberships

changes = st.lists(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 2**32 - 1))),
    max_size=8,
)


@given(changes, st.integers(0, 4))
def test_the_last_change_of_each_member_stands_and_earlier_ones_are_kept_in_order(
    requests: list[list[tuple[str, bool, int]]], kept: int
) -> None:
    memberships = Memberships(history=kept)
    expected: dict[str, list[tuple[str, int, int]]] = {}
    sequence = 0
    for request in requests:
        memberships.apply(
            7,
            [member for member, _, _ in request],
            [add for _, add, _ in request],
            [digest for _, _, digest in request],
        )
        for member, add, digest in request:
            sequence += 1
            change = ("add" if add else "remove", sequence, digest)
            expected.setdefault(member, []).append(change)

    standing = {member: tuple(change) for member, change in memberships.standing(7)}

    assert {member: said[-1] for member, said in expected.items()} == standing
    for member, said in expected.items():
        history = [tuple(change) for change in memberships.history(7, member)]
        assert said[-(kept + 1) :] == history
    assert sum(said[-1][0] == "add" for said in expected.values()) == memberships.size(7)


def test_what_was_not_taken_is_kept_apart_with_its_place_in_the_sequence() -> None:
    memberships = Memberships(history=0)
    memberships.apply(7, ["a"], [True], [1])

    memberships.pass_over(7, [("a", False), ("b", True)], "invalid")

    noted = [(one.member, one.action, one.sequence) for one in memberships.unapplied()]
    assert noted == [("a", "remove", 2), ("b", "add", 3)]
    assert [member for member, _ in memberships.standing(7)] == ["a"]


def test_a_member_never_shows_in_what_is_printed() -> None:
    memberships = Memberships(history=0)
    memberships.pass_over(7, [("ana", True)], "refused")

    assert "ana" not in repr(memberships.unapplied())
