"""What is remembered of a member, packed."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.member_floor import NO_FLOOR, Forgotten
from pipeline.domain.member_record import MemberRecord, Place
from pipeline.stages.snapshot.kept_winner import (
    FileRow,
    Kept,
    first_kept,
    merged,
    pack,
    plain_row,
    unpack,
)

USUAL = "r-1"
TEXTS = st.text(max_size=8)
TIMES = st.integers(0, 10**15 - 1)
PLACES = st.builds(Place, st.sampled_from(["cdp", "a.b", "z"]), *[st.integers(0, 10**19 - 1)] * 3)
ADDS = st.builds(
    MemberRecord,
    st.just(True),
    TIMES,
    PLACES,
    st.sampled_from([USUAL, "r-0"]),
    st.none() | TEXTS,
    st.lists(TEXTS, max_size=4),
    st.booleans(),
    st.just(False),
)
REMOVES = st.builds(
    lambda at_ms, place, is_withdrawal: MemberRecord(
        False, at_ms, place, is_withdrawal=is_withdrawal
    ),
    TIMES,
    PLACES,
    st.booleans(),
)
STATEMENTS = st.one_of(ADDS, REMOVES, st.builds(Forgotten, TIMES, PLACES))
KEPT = st.builds(Kept, STATEMENTS, st.booleans(), st.integers(0, 2**63), st.booleans())


@given(KEPT)
def test_what_was_packed_is_unpacked_as_it_was(kept: Kept) -> None:
    """
    Whatever a record may say: other renderings, no identity, any text in a cell.
    """
    assert unpack(pack(kept, USUAL), USUAL) == kept


@given(ADDS)
def test_a_plain_member_has_the_row_of_its_record(add: MemberRecord) -> None:
    """
    The short way to a row leads to the same row.
    """
    add = add._replace(is_withdrawal=False)
    other = None if add.rendering == USUAL else add.rendering

    assert plain_row(pack(first_kept(add, 7), USUAL), NO_FLOOR) == FileRow(
        other, add.identity, add.cells
    )


@given(st.lists(STATEMENTS, min_size=1, max_size=6))
def test_the_winner_is_the_newest_of_all_and_of_equals_the_last(
    statements: list[MemberRecord | Forgotten],
) -> None:
    """
    It does not matter in which order they came.
    """
    kept = first_kept(statements[0], 0)
    for offset, statement in enumerate(statements[1:], 1):
        kept = merged(kept, statement, offset)
    newest = max(one.rank for one in statements)

    assert kept.statement is [one for one in statements if one.rank == newest][-1]
    assert kept.is_last == (statements[-1].rank == newest)
