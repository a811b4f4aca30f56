"""Events are read as people paste them: one or many, on a line each or over many."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.operations.event_reading import MEMBER_KEY, ReadEvent, events_in
from pipeline.operations.trouble import OperationFailed

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
members = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
indents = st.sampled_from([None, 0, 2])


def read(text: str, key: str = MEMBER_KEY) -> list[ReadEvent]:
    return list(events_in(text.splitlines(keepends=True), key))


@given(
    st.lists(st.tuples(members, documents, indents), max_size=5),
    st.sampled_from(["\n", "\n\n", " ", "\r\n"]),
)
def test_every_event_is_found_however_it_is_laid_out(
    written: list[tuple[str, object, int | None]], between: str
) -> None:
    events = [{"member": {"id": member}, "more": more} for member, more, _ in written]
    indented = zip(events, written, strict=True)
    text = between.join(json.dumps(event, indent=indent) for event, (*_, indent) in indented)

    found = read(text)

    assert [json.loads(one.value or b"") for one in found] == events
    assert [one.key for one in found] == [member.encode() for member, *_ in written]


def test_the_text_of_an_event_is_written_as_it_stands() -> None:
    text = '{"member": {"id": "u-1"},\n  "n": 1.10,  "big": 12345678901234567890}'

    [event] = read(f"\ufeff  {text}\n")

    assert event.value == text.encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"member": {"id": "u-1"}}\n{"member": \n', "line 2: the JSON that begins here does not"),
        ('{"member": {"id": "u-1"}}\nhello\n', "line 2: not JSON"),
        ("[1]", "line 1: an event must be a JSON object"),
        ('\n\n{"audience": "vip"}', "line 3: the event has no field member.id for its key"),
        ('{"member": {"id": ""}}', "no field member.id"),
        ('{"member": {"id": true}}', "no field member.id"),
        ('{"member": "u-1"}', "no field member.id"),
        ("u-1|{}", "line 1: not JSON"),
    ],
)
def test_what_is_no_event_is_named_by_its_line_and_not_quoted(text: str, said: str) -> None:
    with pytest.raises(OperationFailed) as refused:
        read(text)

    assert said in str(refused.value)
    assert "u-1" not in str(refused.value)


def test_what_events_are_keyed_by_can_be_another_place() -> None:
    [event] = read('{"user": {"crm": {"id": 7}}}', key="user.crm.id")

    assert event.key == b"7"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 100_000, "nested too deep"),
        ('{"member":{"id":' + "9" * 5_000 + "}}", "a number that is too long"),
    ],
)
def test_what_no_parser_takes_is_named_with_its_line(text: str, what: str) -> None:
    with pytest.raises(OperationFailed, match=f"line 2: .*{what}"):
        read("\n" + text)
