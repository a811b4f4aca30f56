"""The member record: what is written comes back, and nothing that stands there is too much."""

import json

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.domain.member_record import (
    PARTITIONS,
    Layout,
    MemberRecord,
    OtherVersion,
    Place,
    Unreadable,
    audience_part,
    audience_partitions,
    decode_layout,
    decode_member,
    decode_place,
    encode_layout,
    encode_member,
    member_key,
    partition_of,
)

TOPICS = st.text(alphabet="abc.-_7", min_size=1, max_size=20)
NUMBERS = st.integers(0, 2**63 - 1)
PLACES = st.builds(Place, TOPICS, st.integers(0, 10**6), NUMBERS, st.integers(0, 10**6))
TEXTS = st.text(max_size=20)
ADDS = st.builds(
    MemberRecord,
    is_member=st.just(True),
    changed_at_ms=st.integers(0, 10**15 - 1),
    place=PLACES,
    rendering=TEXTS,
    identity=st.none() | TEXTS,
    cells=st.lists(TEXTS, max_size=4),
    is_withdrawal=st.booleans(),
    is_known=st.booleans(),
)
REMOVES = st.builds(
    MemberRecord,
    is_member=st.just(False),
    changed_at_ms=st.integers(0, 10**15 - 1),
    place=PLACES,
    rendering=st.just(""),
    identity=st.none(),
    cells=st.just(()),
    is_withdrawal=st.booleans(),
    is_known=st.booleans(),
)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["+", "-", "cdp/0/1/2", "a/b/c/d", 1, 2, 10**15, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(["v", "a", "t", "p", "r", "i", "c", "w", "k"])


@given(record=ADDS | REMOVES)
def test_a_member_record_comes_back_as_it_was(record: MemberRecord) -> None:
    read = decode_member(encode_member(record))

    assert isinstance(read, MemberRecord)
    assert read._replace(cells=list(read.cells)) == record._replace(cells=list(record.cells))


@given(
    bent=st.dictionaries(FIELDS, JSON_VALUES, max_size=6),
    without=st.sets(FIELDS, max_size=3),
    record=ADDS | REMOVES,
)
def test_one_that_is_nearly_right_is_read_or_told_apart(
    bent: dict[str, object], without: set[str], record: MemberRecord
) -> None:
    stored = {**orjson.loads(encode_member(record)), **bent}
    value = json.dumps({name: said for name, said in stored.items() if name not in without})

    read = decode_member(value.encode())

    assert isinstance(read, MemberRecord | Unreadable | OtherVersion)
    if isinstance(read, MemberRecord):
        assert decode_member(encode_member(read)) == read


@given(value=st.binary(max_size=60) | JSON_VALUES.map(lambda said: json.dumps(said).encode()))
@example(b"")
@example(b"[" * 50_000)
@example(b'{"v":1,"a":"-","t":true,"p":"cdp/0/0/0"}')
@example(b'{"v":true,"a":"-","t":5,"p":"cdp/0/0/0"}')
@example(b'{"v":1,"a":"-","t":5,"p":"cdp/0/99999999999999999999/0"}')
def test_nothing_that_stands_in_the_topic_raises(value: bytes) -> None:
    assert isinstance(decode_member(value), MemberRecord | Unreadable | OtherVersion)
    assert isinstance(decode_layout(value), Layout | Unreadable | OtherVersion)


@given(text=st.text(max_size=40) | PLACES.map(str))
def test_a_place_is_read_or_is_none(text: str) -> None:
    read = decode_place(text)

    assert read is None or decode_place(str(read)) == read


@given(layout=st.builds(Layout, TEXTS, st.integers(1, 64), st.integers(1, 64), TEXTS))
def test_a_layout_comes_back_as_it_was(layout: Layout) -> None:
    assert decode_layout(encode_layout(layout)) == layout


@given(audience=st.text(alphabet="a|-9", max_size=9), member=st.text(max_size=20))
def test_all_members_of_an_audience_are_in_its_partitions(audience: str, member: str) -> None:
    key = member_key(audience, member)

    assert partition_of(key) in audience_partitions(audience)
    assert audience_part(key) == audience.encode()


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_named_and_never_guessed_at(version: int) -> None:
    value = orjson.dumps({"v": version, "a": "+", "t": 1, "p": "cdp/0/0/0"})

    assert decode_member(value) == OtherVersion(str(version))
    assert decode_layout(value) == OtherVersion(str(version))


def test_a_record_shows_no_person() -> None:
    shown = repr(MemberRecord(True, 5, Place("cdp", 0, 9, 0), "r", "ana@example.com", ["Ana"]))

    assert "ana" not in shown.lower()
    assert PARTITIONS == 64
