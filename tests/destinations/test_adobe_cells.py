"""Cells of a file: text that every dialect of CSV reads alike, and values that are checked."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences.cells import NoSuchCell, cell, is_safe
from pipeline.destinations.adobe_audiences.file_shape import row
from pipeline.destinations.adobe_audiences.targets import ColumnType
from pipeline.destinations.snapshots import REPLACED

TEXT = st.text(max_size=30) | st.text(alphabet='",\\\r\n\t\0=+-@ a', max_size=12)
FORMULAS = set("=+-@") | {chr(ord(one) + 0xFEE0) for one in "=+-@"}
"""The signs that begin one, and the same as wide as Chinese letters."""
IDENTITY = st.text(alphabet="0123456789abcdefGHI-_.:", min_size=1, max_size=64).filter(is_safe)
ANY = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXT


def as_read(lines: bytes, **dialect: object) -> list[list[str]]:
    text = io.StringIO(lines.decode(), newline="")
    return list(csv.reader(text, strict=True, **dialect))  # type: ignore[arg-type]


def expected(text: str) -> str:
    """What a reader gets of a text: without what no file may hold, and harmless in a sheet."""
    banned = {*map(chr, range(32)), *map(chr, range(127, 160)), *'"\\\u2028\u2029'}
    is_surrogate = [0xD800 <= ord(one) <= 0xDFFF for one in text]
    clean = "".join(
        REPLACED if one in banned or bad else one
        for one, bad in zip(text, is_surrogate, strict=True)
    )
    return f"'{clean}" if clean[:1] in FORMULAS else clean


@given(st.lists(st.tuples(IDENTITY, st.lists(TEXT, min_size=2, max_size=2)), max_size=5))
@example([("u-1", ['a"b', "\\"]), ("u-2", ["=1+1", "\r\n"])])
def test_rows_that_are_only_joined_are_read_back_by_every_dialect(
    members: list[tuple[str, list[str]]],
) -> None:
    """
    With quotes doubled or escaped by a backslash: nothing in a row is read differently.
    """
    lines = b"".join(row(name, [cell("string", one) for one in texts]) for name, texts in members)

    wanted = [[name, *map(expected, texts)] for name, texts in members]
    assert as_read(lines) == wanted
    assert as_read(lines, doublequote=False, escapechar="\\") == wanted
    assert lines.count(b"\n") == len(members)


@given(st.lists(st.sampled_from(["x", '"', "\\", "\n", "\x85"]), max_size=20))
def test_whoever_reads_a_row_can_count_what_was_replaced(letters: list[str]) -> None:
    line = row("u-1", [cell("string", "".join(letters))])

    assert line.count(REPLACED.encode()) == sum(one != "x" for one in letters)


@given(st.sampled_from(["string", "number", "long", "integer", "date", "datetime", "boolean"]), ANY)
def test_whatever_the_value_a_row_stays_one_row_of_as_many_cells(
    kind: ColumnType, value: str | float | bool | None
) -> None:
    try:
        line = row("u-1", [cell(kind, value), "7"])
    except NoSuchCell:
        return

    [cells] = as_read(line)
    assert len(cells) == 3
    assert cells[2] == "7"


@pytest.mark.parametrize("kind", ["string", "number", "long", "integer", "date", "boolean"])
def test_what_is_missing_is_empty_and_not_an_empty_text(kind: ColumnType) -> None:
    assert cell(kind, None) == ""
    assert cell("string", "") == '""'


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        ("string", "gold", '"gold"'),
        ("string", 5, '"5"'),
        ("string", True, '"true"'),
        ("string", "-5", '"\'-5"'),
        ("number", -2.5, "-2.5"),
        ("number", "12.50", "12.50"),
        ("number", "-1e3", "-1e3"),
        ("long", 2**63 - 1, "9223372036854775807"),
        ("long", 3.0, "3"),
        ("integer", "-2147483648", "-2147483648"),
        ("date", "2025-05-13", "2025-05-13"),
        ("datetime", "2025-05-23T20:19:00Z", "2025-05-23T20:19:00+00:00"),
        ("datetime", "2025-05-23T22:19:00.5+02:00", "2025-05-23T22:19:00+02:00"),
        ("boolean", "TRUE", "true"),
        ("boolean", False, "false"),
    ],
)
def test_a_value_stands_in_the_form_of_its_column(
    kind: ColumnType, value: str | float | bool, written: str
) -> None:
    assert cell(kind, value) == written


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "1,5"),
        ("number", "=1"),
        ("number", float("nan")),
        ("number", float("inf")),
        ("number", True),
        ("number", "٣"),
        ("long", 2**63),
        ("long", 2.5),
        ("integer", 2**31),
        ("integer", "01"),
        ("date", "13.05.2025"),
        ("date", "2025-02-30"),
        ("date", 20250513),
        ("datetime", "2025-05-24T20:19:00"),
        ("datetime", 1748031540),
        ("boolean", 1),
        ("boolean", "yes"),
    ],
)
def test_a_value_of_another_type_is_refused_and_never_quoted(
    kind: ColumnType, value: str | float | bool
) -> None:
    with pytest.raises(NoSuchCell) as refused:
        cell(kind, value)

    assert str(value) not in str(refused.value)


@pytest.mark.parametrize(
    "identity",
    [
        "",
        " u",
        "u\n",
        'u"1',
        "a\\b",
        "=u",
        "+1",
        "@ana",
        "x" * 513,
        "\ufeffu",
        "u\u200b",
        "\u202eu",
    ],
)
def test_an_identity_that_would_have_to_be_altered_is_not_safe(identity: str) -> None:
    assert not is_safe(identity)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1000, 1, 1)))  # noqa: DTZ001
def test_a_time_with_an_offset_is_kept_to_the_second(moment: datetime) -> None:
    written = cell("datetime", moment.isoformat())

    assert datetime.fromisoformat(written) == moment.replace(microsecond=0)
