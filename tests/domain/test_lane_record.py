"""The one codec of the lane record: what is written is read, and nothing stops a reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.change import Action
from pipeline.domain.lane_record import (
    HEADER,
    LaneRecord,
    OtherVersion,
    Unreadable,
    audience_of,
    decode_record,
    encode_header,
    member_key,
)

AUDIENCES = st.text(min_size=1).filter(lambda text: "|" not in text and text.isprintable())
ACTIONS: st.SearchStrategy[Action] = st.sampled_from(["add", "remove"])


@given(
    audience=AUDIENCES,
    member=st.text(alphabet=st.characters(codec="utf-8")),
    action=ACTIONS,
    changed_at_ms=st.integers(0, 10**14),
    route=st.binary(max_size=40),
    source=st.tuples(st.integers(0, 10_000), st.integers(0, 2**63 - 1)),
)
def test_what_is_written_is_read(
    audience: str,
    member: str,
    action: Action,
    changed_at_ms: int,
    route: bytes,
    source: tuple[int, int],
) -> None:
    """
    Whatever a partner writes as its route, semicolons too.
    """
    headers = encode_header(action, changed_at_ms, route, *source)

    read = decode_record(member_key(audience, member), headers)

    assert read == LaneRecord(audience, action, changed_at_ms, route, source)


@given(key=st.none() | st.binary(), header=st.binary())
def test_no_message_stops_the_reader(key: bytes | None, header: bytes) -> None:
    assert isinstance(
        decode_record(key, [(HEADER, header)]), LaneRecord | OtherVersion | Unreadable
    )


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([("format", b"1"), ("changed_at", b"1"), ("target", b"DSP")], "1"),
        ([(HEADER, b"3;what;comes;next")], "3"),
        ([(HEADER, b"12")], "12"),
    ],
)
def test_a_record_of_another_version_says_which(
    headers: list[tuple[str, bytes]], version: str
) -> None:
    assert decode_record(b"7|u", headers) == OtherVersion(version)


@pytest.mark.parametrize(
    ("key", "header"),
    [
        (None, b"2;add;1;;0:0"),
        (b"", b"2;add;1;;0:0"),
        (b"no-audience", b"2;add;1;;0:0"),
        (b"|member", b"2;add;1;;0:0"),
        (b"\xff|member", b"2;add;1;;0:0"),
        (b"7|u", b""),
        (b"7|u", b"two;add;1;;0:0"),
        (b"7|u", b"2"),
        (b"7|u", b"2;add"),
        (b"7|u", b"2;ADD;1;;0:0"),
        (b"7|u", b"2;add;null;;0:0"),
        (b"7|u", b"2;add;-5;;0:0"),
        (b"7|u", b"2;add;%s;;0:0" % (b"9" * 40)),
        (b"7|u", b"2;add;1"),
    ],
)
def test_what_is_no_lane_record_is_named_and_never_guessed(
    key: bytes | None, header: bytes
) -> None:
    assert isinstance(decode_record(key, [(HEADER, header)]), Unreadable)


def test_a_message_without_the_header_is_no_lane_record() -> None:
    assert isinstance(decode_record(b"7|u", []), Unreadable)


def test_an_audience_is_read_with_all_its_digits() -> None:
    """
    Beyond 64 bits, too: it is text, and the partner says what it may be.
    """
    assert audience_of(b"99999999999999999999999|u") == "99999999999999999999999"
