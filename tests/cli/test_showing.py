"""Tables that people copy ids from, on any terminal."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipeline.cli.showing import cell, table_lines

words = st.text(max_size=60).map(cell)
tables = st.integers(1, 6).flatmap(
    lambda width: st.tuples(
        st.lists(words, min_size=width, max_size=width),
        st.lists(st.lists(words, min_size=width, max_size=width), min_size=1, max_size=5),
    )
)
AUDIENCE, CONNECTION = "413642381039213536", "5a523424-8f0c-4c55-9a2b-0d7f4c1e6b90"


@given(tables, st.integers(1, 200))
def test_no_value_is_cut_on_a_terminal_of_any_width(
    table: tuple[list[str], list[list[str]]], width: int
) -> None:
    columns, rows = table

    lines = table_lines(columns, rows, width)

    left = list(lines)
    for row in rows:
        for value in row:
            # In the order of the rows: in a later line, or further on in the same one.
            place = next(index for index, line in enumerate(left) if value in line)
            left = left[place:]


def test_a_line_for_each_row_where_they_fit() -> None:
    lines = table_lines(("id", "connection"), [(AUDIENCE, CONNECTION), ("7", "c")], 80)

    assert lines == [
        "id                  connection",
        f"{AUDIENCE}  {CONNECTION}",
        "7                   c",
    ]


def test_a_paragraph_for_each_row_where_they_do_not() -> None:
    lines = table_lines(("id", "connection"), [(AUDIENCE, CONNECTION), ("7", "c")], 50)

    assert lines == [
        f"id          {AUDIENCE}",
        f"connection  {CONNECTION}",
        "",
        "id          7",
        "connection  c",
    ]


def test_without_a_terminal_a_line_is_as_long_as_it_needs_to_be() -> None:
    _, line = table_lines(("id", "what"), [(AUDIENCE, "x" * 5000)], None)

    assert line == f"{AUDIENCE}  {'x' * 5000}"


def test_wide_letters_count_as_a_terminal_shows_them() -> None:
    lines = table_lines(("name", "id"), [("日本", "1"), ("ana", "2")], 80)

    places = [
        cell_len(line[: -len(last)]) for line, last in zip(lines, ("id", "1", "2"), strict=True)
    ]
    assert len(set(places)) == 1
