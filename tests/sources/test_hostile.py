"""Nothing that a producer can write makes a reader raise, or hang: each becomes a value."""

import json
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.configuration.offline import load_offline
from pipeline.configuration.routing import audience_names
from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.encodings.schemas import Schemas
from pipeline.sources.reading import Read, SchemaNeeded
from pipeline.sources.registry import compile_source
from tests.sources.messages import Sent, mapped, reader

CORPUS = Path(__file__).parent / "corpus"


@cache
def readers() -> dict[str, Read]:
    configuration = load_offline(CORPUS / "pipeline.yaml", {})
    names = audience_names(configuration)
    return {
        source.topic: compile_source(source, audiences=names, schemas=Schemas())
        for source in configuration.sources
    }


@cache
def documents() -> list[tuple[str, Any]]:
    """
    The JSON of every message of the corpus, with its topic.
    """
    cases = [
        case for file in sorted(CORPUS.glob("*.json")) for case in orjson.loads(file.read_bytes())
    ]
    return [(case["topic"], case["value"]) for case in cases if case.get("value") is not None]


def is_reading(outcome: object) -> bool:
    if isinstance(outcome, Ignored | Rejected | SchemaNeeded):
        return True
    return isinstance(outcome, list | tuple) and all(
        isinstance(part, MembershipChange | Rejected) for part in outcome
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(
        ["vip", "add", "2026-11-22T10:15:00Z", "true", "{", "__debezium_unavailable_value"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "ce_specversion", "ce_time", "audience", "action"]),
        st.binary(max_size=12),
    ),
    max_size=3,
)


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, bytes]:
    """
    A message of the corpus in which something, somewhere, is something else.
    """
    topic, document = draw(st.sampled_from(documents()))
    document = json.loads(json.dumps(document))
    node: Any = document
    while isinstance(node, dict | list) and node:
        place = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
        if draw(st.booleans()) or not isinstance(node[place], dict | list) or not node[place]:
            node[place] = draw(json_values)
            break
        node = node[place]
    return topic, orjson.dumps(document)


@settings(max_examples=600)
@given(bent(), st.none() | st.binary(max_size=20), headers, st.integers(-1, 2**63 - 1))
def test_a_message_that_is_nearly_right_is_read_or_rejected(
    message: tuple[str, bytes], key: bytes | None, given_headers: Any, timestamp: int
) -> None:
    topic, value = message

    outcome = readers()[topic](Sent(value, key, given_headers, timestamp))

    assert is_reading(outcome)


@settings(max_examples=300)
@given(
    st.none() | st.binary(max_size=60) | json_values.map(orjson.dumps),
    st.none() | st.binary(max_size=20) | json_values.map(orjson.dumps),
    headers,
)
@example(b"", b"", [])
@example(b"\x00\x00\x00\x00\x07", b"\x00\x00\x00\x00\x07", [])
@example(b"null", None, [("ce_specversion", b"\xff")])
def test_anything_at_all_is_read_or_rejected_by_every_source(
    value: bytes | None, key: bytes | None, given_headers: Any
) -> None:
    for read in readers().values():
        assert is_reading(read(Sent(value, key, given_headers)))


HOSTILE = {
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "deep, and closed": b'{"a":' * 900 + b"1" + b"}" * 900,
    "not UTF-8": b'{"a":"\xff\xfe"}',
    "half a surrogate": b'{"a":"\\ud800"}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "1e999": b'{"a":1e999}',
    "a number of a thousand digits": b'{"a":' + b"9" * 1000 + b"}",
    "two documents": b"{}{}",
    "ten megabytes": b'"' + b"a" * 10_000_000 + b'"',
    "ten megabytes of arrays": b"[" + b"[]," * 3_000_000 + b"[]]",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_hostile_is_a_dead_letter_or_no_membership(value: bytes) -> None:
    for topic, read in readers().items():
        outcome = read(Sent(value, b"k", []))
        assert isinstance(outcome, Ignored | Rejected | SchemaNeeded) or topic == "ht.removed"


def test_an_event_of_too_many_bytes_is_not_even_parsed() -> None:
    read = reader(format="mapping", mapping=mapped(), largest_event_bytes=1000)

    outcome = read(Sent(b'{"a":"' + b"x" * 1000 + b'"}'))

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "event_too_large"


def test_of_a_name_that_stands_twice_the_last_counts() -> None:
    read = reader(format="mapping", mapping=mapped(member={"pointer": "/id"}))

    [change] = read(Sent(b'{"id":"u-1","id":"u-2"}'))  # type: ignore[misc]

    assert isinstance(change, MembershipChange)
    assert change.member_id == "u-2"


def test_a_number_beyond_64_bits_is_no_id_and_is_never_rounded_to_another() -> None:
    read = reader(format="mapping", mapping=mapped(member={"pointer": "/id"}))

    exact = read(Sent(b'{"id":18446744073709551615}'))
    beyond = read(Sent(b'{"id":18446744073709551616}'))

    assert [change.member_id for change in exact] == ["18446744073709551615"]  # type: ignore[union-attr]
    assert isinstance(beyond, Rejected)


def test_deep_values_are_searched_without_recursion() -> None:
    read = reader(format="mapping", mapping=mapped(member={"pointer": "/id"}))
    deep = (
        b'{"id":"u-1","x":' + b"[" * 1000 + b'"__debezium_unavailable_value"' + b"]" * 1000 + b"}"
    )

    outcome = read(Sent(deep))

    assert is_reading(outcome)
    assert not isinstance(outcome, Rejected)


def test_a_native_event_in_an_envelope_may_be_nested_too_deep() -> None:
    read = reader(format="native", envelope="array")

    outcome = read(Sent(b"[" + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]"))

    assert isinstance(outcome, Rejected)


def test_an_event_of_too_many_items_is_rejected_whole() -> None:
    read = reader(format="mapping", mapping=mapped(for_each="/rows", member={"item": "/id"}))

    most = read(Sent(b'{"rows":[' + b",".join([b'{"id":1}'] * 10_000) + b"]}"))
    too_many = read(Sent(b'{"rows":[' + b",".join([b'{"id":1}'] * 10_001) + b"]}"))

    assert isinstance(most, list)
    assert len(most) == 10_000
    assert isinstance(too_many, Rejected)
    assert too_many.reason == "event_too_large"


def test_a_profile_with_a_hundred_thousand_identifiers_takes_no_time() -> None:
    ids = [{"id": f"{number}@example.com"} for number in range(50_000)]
    state = {"high_value": {"status": "realized", "lastQualificationTime": "2026-08-20T10:15:00Z"}}
    read = reader(format="adobe_rtcdp", mapping={"member": {"value": "u-1"}})

    began = process_time()
    outcome = read(
        Sent(orjson.dumps({"segmentMembership": {"ups": state}, "identityMap": {"email": ids}}))
    )

    assert is_reading(outcome)
    assert process_time() - began < 2


@pytest.mark.parametrize(
    "modifier", [{"json": "/a"}, {"after": "x"}, {"split": {"by": " ", "take": 0}}]
)
def test_a_huge_text_is_not_parsed_or_split_again_for_each_of_many_items(
    modifier: dict[str, Any],
) -> None:
    expression = {"pointer": "/text", **modifier}
    read = reader(format="mapping", mapping=mapped(for_each="/rows", member=expression))
    event = {"text": "x " * 1_000_000, "rows": [1] * 10_000}

    began = process_time()
    outcome = read(Sent(orjson.dumps(event)))

    assert isinstance(outcome, Rejected)
    assert process_time() - began < 2
