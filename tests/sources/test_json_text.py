"""A byte order mark before an event is no part of it."""

import codecs
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reasons import Rejected
from pipeline.sources.json_text import loaded
from pipeline.sources.native import read

_EVENT = {
    "audience": "vip",
    "action": "add",
    "occurred_at": "2026-11-22T12:00:00Z",
    "member": {"id": "u-1", "identities": [{"first_name": "Jos\u00e9", "city": "\u6771\u4eac"}]},
}
_TEXT = json.dumps(_EVENT, ensure_ascii=False)


@pytest.mark.parametrize(
    "value",
    [
        codecs.BOM_UTF8 + _TEXT.encode(),
        codecs.BOM_UTF8 * 2 + _TEXT.encode(),
        codecs.BOM_UTF8 + b" \r\n" + _TEXT.encode() + b"\n",
        codecs.BOM_UTF8 + orjson.dumps(_EVENT, option=orjson.OPT_INDENT_2),
        _TEXT.encode("utf-16"),
        codecs.BOM_UTF16_LE + _TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + _TEXT.encode("utf-16-be"),
        _TEXT.encode("utf-32"),
        codecs.BOM_UTF32_LE + _TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + _TEXT.encode("utf-32-be"),
    ],
)
def test_an_event_behind_a_mark_is_the_event_without_it(value: bytes) -> None:
    assert read(value) == read(_TEXT.encode())
    assert not isinstance(read(value), Rejected)


@pytest.mark.parametrize(
    "value",
    [
        codecs.BOM_UTF8,
        codecs.BOM_UTF8 + b"{",
        codecs.BOM_UTF8 + b"\xff{}",
        codecs.BOM_UTF8[:2] + b"{}",
        b"{}" + codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        codecs.BOM_UTF16_LE + b"{",
        codecs.BOM_UTF16_LE + b"\x00\xd8{\x00",
        codecs.BOM_UTF32_BE + b"\x00\x11\x00\x00",
        _TEXT.encode("utf-16-le"),
    ],
)
def test_a_mark_makes_no_json_of_what_is_none(value: bytes) -> None:
    outcome = read(value)

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "malformed"


@given(st.binary(max_size=40), st.sampled_from([b"", codecs.BOM_UTF8, codecs.BOM_UTF16_BE]))
def test_whatever_the_bytes_are_they_are_read_or_said_to_be_no_json(
    value: bytes, mark: bytes
) -> None:
    try:
        loaded(mark + value)
    except orjson.JSONDecodeError:
        return
