"""What each expression says of a message, and that no value is ever taken for another."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.audiences import NOT_CONFIGURED
from pipeline.sources.pointers import lookup, tokens
from pipeline.sources.reading import NOT_MEMBERSHIP, Outcome
from tests.sources.messages import Sent, mapped, reader


def outcome(event: object, *, message: dict[str, Any] | None = None, **mapping: object) -> Outcome:
    read = reader(format="mapping", mapping=mapped(**mapping))
    return read(Sent(orjson.dumps(event), **(message or {})))


def change(
    event: object, *, message: dict[str, Any] | None = None, **mapping: object
) -> MembershipChange:
    found = outcome(event, message=message, **mapping)
    assert isinstance(found, tuple), found
    [one] = found
    assert isinstance(one, MembershipChange)
    return one


def member(expression: object, event: object, **message: Any) -> str | None:
    """
    The value of an expression as a member's id; None where it has none or cannot be one.
    """
    found = outcome(event, message=message, member=expression)
    if isinstance(found, Rejected):
        assert "mapping.member" in found.detail
        return None
    assert isinstance(found, tuple)
    one = found[0]
    assert isinstance(one, MembershipChange)
    return one.member_id


@pytest.mark.parametrize(
    ("expression", "event", "expected"),
    [
        ({"pointer": "/a"}, {"a": "x"}, "x"),
        ({"pointer": "/a/b/c"}, {"a": {"b": {"c": "x"}}}, "x"),
        ({"pointer": "/a/1"}, {"a": ["x", "y"]}, "y"),
        ({"pointer": "/a/0/b"}, {"a": [{"b": "x"}]}, "x"),
        ({"pointer": "/a/1"}, {"a": {"1": "x"}}, "x"),
        ({"pointer": "/a/01"}, {"a": ["x", "y"]}, None),
        ({"pointer": "/a/-1"}, {"a": ["x", "y"]}, None),
        ({"pointer": "/a/-"}, {"a": ["x"]}, None),
        ({"pointer": "/a/9"}, {"a": ["x"]}, None),
        ({"pointer": "/a/\u0660"}, {"a": ["x"]}, None),
        ({"pointer": "/a/b"}, {"a": "text"}, None),
        ({"pointer": "/a~1b/m~0n"}, {"a/b": {"m~n": "x"}}, "x"),
        ({"pointer": "/"}, {"": "x"}, "x"),
        ({"pointer": ""}, "x", "x"),
        ({"pointer": "/a"}, {"a": ""}, None),
        ({"pointer": "/a"}, {"a": None}, None),
        ({"pointer": "/a"}, {"a": 7}, "7"),
        ({"pointer": "/a"}, {"a": 2**53 + 1}, "9007199254740993"),
        ({"pointer": "/a"}, {"a": 7.5}, None),
        ({"pointer": "/a"}, {"a": True}, None),
        ({"pointer": "/a"}, {"a": {"b": 1}}, None),
        ({"pointer": "/a"}, {"a": ["x"]}, None),
        ({"value": "x"}, {}, "x"),
        ([{"pointer": "/a"}, {"pointer": "/b"}], {"a": "", "b": "y"}, "y"),
        ([{"pointer": "/a"}, {"pointer": "/b"}], {"a": "x", "b": "y"}, "x"),
        ([{"pointer": "/a"}, {"value": "z"}], {}, "z"),
        ({"join": [{"pointer": "/a"}, {"pointer": "/b"}]}, {"a": "+1", "b": 206}, "+1206"),
        ({"join": [{"pointer": "/a"}, {"pointer": "/b"}], "with": "-"}, {"a": 1, "b": 2}, "1-2"),
        ({"join": [{"pointer": "/a"}, {"pointer": "/b"}]}, {"a": "+1"}, None),
        ({"join": [{"pointer": "/a"}, {"pointer": "/b"}]}, {"a": "+1", "b": True}, None),
        ({"pointer": "/a", "json": "/b"}, {"a": '{"b": "x"}'}, "x"),
        ({"pointer": "/a", "json": "/b"}, {"a": {"b": "x"}}, "x"),
        ({"pointer": "/a", "json": "/b"}, {"a": "{oops"}, None),
        ({"pointer": "/a", "json": "/b"}, {}, None),
        ({"pointer": "/a", "after": "urn:"}, {"a": "urn:x"}, "x"),
        ({"pointer": "/a", "after": "urn:"}, {"a": "x"}, None),
        ({"pointer": "/a", "after": "urn:"}, {"a": "urn:"}, None),
        ({"pointer": "/a", "after": "urn:"}, {"a": 7}, None),
        ({"pointer": "/a", "after": "urn:"}, {"a": ["urn:x"]}, None),
        ({"pointer": "/a", "split": {"by": "0", "take": -1}}, {"a": 101}, "1"),
        ({"pointer": "/a", "split": {"by": " ", "take": 0}}, {"a": "Ana Maria Diaz"}, "Ana"),
        ({"pointer": "/a", "split": {"by": " ", "take": -1}}, {"a": "Ana Maria Diaz"}, "Diaz"),
        ({"pointer": "/a", "split": {"by": " ", "take": 0}}, {"a": "Ana"}, "Ana"),
        ({"pointer": "/a", "split": {"by": " ", "take": 0}}, {"a": " Ana"}, None),
        ({"pointer": "/a", "map": {"x": "y"}}, {"a": "x"}, "y"),
        ({"pointer": "/a", "map": {"x": "y"}}, {"a": "z"}, None),
        ({"pointer": "/a", "map": {"1": "y"}}, {"a": 1}, None),
        ({"pointer": "/a", "map": {1: "y"}}, {"a": 1}, "y"),
        ({"pointer": "/a", "map": {1: "y"}}, {"a": True}, None),
        ({"pointer": "/a", "map": {True: "y"}}, {"a": True}, "y"),
        ({"pointer": "/a", "map": {True: "y"}}, {"a": 1}, None),
        ({"pointer": "/a", "map": {"x": "y"}}, {"a": ["x"]}, None),
        ({"pointer": "/a", "map": {"x": "y"}, "default": "z"}, {"a": "q"}, "z"),
        ({"pointer": "/a", "default": "z"}, {}, "z"),
        ({"pointer": "/a", "default": 5}, {"a": ""}, "5"),
        ({"pointer": "/a", "after": ":", "split": {"by": "|", "take": 0}}, {"a": "u:1|2"}, "1"),
    ],
)
def test_an_expression_gives_a_text_or_nothing(
    expression: object, event: object, expected: str | None
) -> None:
    assert member(expression, event) == expected


@pytest.mark.parametrize(
    ("expression", "key", "expected"),
    [
        ({"key": ""}, b"u-1", "u-1"),
        ({"key": ""}, b'"u-1"', "u-1"),
        ({"key": ""}, b"0042", "0042"),
        ({"key": ""}, b"1e5", "1e5"),
        ({"key": ""}, b"12345678901234567890123", "12345678901234567890123"),
        ({"key": ""}, b"true", "true"),
        ({"key": ""}, b'{"schema":{},"payload":"u-1"}', "u-1"),
        ({"key": ""}, b'{"id":"u-1"}', None),
        ({"key": ""}, b"{u-1", "{u-1"),
        ({"key": ""}, b"\xff", None),
        ({"key": ""}, b"", None),
        ({"key": ""}, None, None),
        ({"key": "/id"}, b'{"id":"u-1"}', "u-1"),
        ({"key": "/id"}, b'{"schema":{},"payload":{"id":7}}', "7"),
        ({"key": "/id"}, b"u-1", None),
    ],
)
def test_a_key_is_text_unless_it_is_an_object(
    expression: object, key: bytes | None, expected: str | None
) -> None:
    assert member(expression, {}, key=key) == expected


def test_of_several_headers_of_a_name_the_last_counts() -> None:
    headers = [("h", b"first"), ("H", b"other"), ("h", b"last"), ("bad", b"\xff")]

    assert member({"header": "h"}, {}, headers=headers) == "last"
    assert member({"header": "bad"}, {}, headers=headers) is None
    assert member({"header": "none"}, {}, headers=headers) is None


def test_the_attributes_of_a_cloud_event_are_headers_in_both_modes() -> None:
    keys: dict[str, Any] = {
        "format": "mapping",
        "envelope": ["cloudevents"],
        "mapping": mapped(occurred_at={"header": "ce_time"}),
    }
    time = "2026-08-20T10:15:00Z"
    binary = [("ce_specversion", b"1.0"), ("ce_time", time.encode())]

    structured = reader(**keys)(
        Sent(orjson.dumps({"specversion": "1.0", "time": time, "data": {"a": 1}}))
    )
    by_headers = reader(**keys)(Sent(b"{}", headers=binary))

    assert structured == by_headers
    assert isinstance(structured, tuple)


def test_for_each_goes_through_an_array_and_through_an_object_by_its_names() -> None:
    array = outcome({"rows": [{"id": "a"}, {"id": "b"}]}, for_each="/rows", member={"item": "/id"})
    names = outcome({"rows": {"a": 1, "b": 2}}, for_each="/rows", member={"item_name": True})

    assert [one.member_id for one in array] == ["a", "b"]  # type: ignore[union-attr]
    assert [one.member_id for one in names] == ["a", "b"]  # type: ignore[union-attr]


def test_of_many_items_the_good_ones_go_on_and_the_bad_ones_are_one_rejection_each_reason() -> None:
    rows = [{"id": "a"}, {}, {"id": "b"}, {"id": 1.5}, {"id": "c", "to": "others"}]

    found = outcome(
        {"rows": rows},
        for_each="/rows",
        member={"item": "/id"},
        audience=[{"item": "/to"}, {"value": "vip"}],
    )

    assert isinstance(found, list)
    assert [one.member_id for one in found[:2]] == ["a", "b"]
    assert found[2:] == [
        Rejected("malformed", "mapping.member: has no value (and 1 more items)"),
        Rejected("unknown_audience", NOT_CONFIGURED, "'others'"),
    ]


def test_a_condition_that_does_not_hold_ignores_the_event() -> None:
    when = [{"pointer": "/kind", "is": ["a", 1]}, {"pointer": "/live", "is": [True]}]

    assert change({"kind": "a", "live": True}, when=when)
    for event in (
        {"kind": "b", "live": True},
        {"kind": True, "live": True},
        {"kind": 1, "live": 1},
    ):
        assert outcome(event, when=when) == NOT_MEMBERSHIP


RULES = {"pointer": "/op", "add": ["I", True, 1], "remove": ["D", False, 0], "ignore": ["X"]}


@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("I", "add"),
        (True, "add"),
        (1, "add"),
        (1.0, "add"),
        ("D", "remove"),
        (False, "remove"),
        (0, "remove"),
    ],
)
def test_a_listed_value_decides(value: object, action: str) -> None:
    assert change({"op": value}, action=RULES).action == action


@pytest.mark.parametrize(
    "value", ["i", "true", "1", "0", 2, 1.5, "", None, [], {}, ["I"], "Delete", "next", "ignore"]
)
def test_what_no_rule_lists_is_rejected_and_never_guessed(value: object) -> None:
    found = outcome({"op": value}, action=RULES)

    assert isinstance(found, Rejected)
    assert found.detail.startswith("mapping.action: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=6),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=3,
    )
)
def test_only_a_value_of_the_same_type_is_a_listed_one(value: object) -> None:
    found = outcome({"op": value}, action={"pointer": "/op", "add": ["true"], "remove": [False]})

    if value == "true" or value is False:
        assert not isinstance(found, Rejected)
    else:
        assert isinstance(found, Rejected)


def test_rules_go_on_only_where_they_say_so() -> None:
    rules = [
        {"pointer": "/a", "remove": ["x"], "next": ["y"], "absent": "next"},
        {"pointer": "/b", "absent": "add", "present": "remove"},
    ]

    assert change({"a": "x"}, action=rules).action == "remove"
    assert change({"a": "y"}, action=rules).action == "add"
    assert change({}, action=rules).action == "add"
    assert change({"a": "y", "b": 5}, action=rules).action == "remove"
    assert isinstance(outcome({"a": "z"}, action=rules), Rejected)


def test_a_rule_without_lists_takes_our_own_two_words() -> None:
    rule = {"pointer": "/op"}

    assert change({"op": "add"}, action=rule).action == "add"
    assert change({"op": "remove"}, action=rule).action == "remove"
    assert isinstance(outcome({"op": "insert"}, action=rule), Rejected)


def test_ignored_values_are_ignored_before_the_audience_is_looked_at() -> None:
    found = outcome({"op": "X"}, action=RULES, audience={"pointer": "/audience"})

    assert found == Ignored("not_membership")


AT = 1_766_225_700_000


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ({}, "2025-12-20T10:15:00Z", AT),
        ({}, AT, AT),
        ({}, AT // 1000, AT),
        ({}, str(AT), None),
        ({}, "2025-12-20T10:15:00", None),
        ({}, AT * 1000, None),
        ({"unit": "seconds"}, AT // 1000, AT),
        ({"unit": "seconds"}, str(AT // 1000), AT),
        ({"unit": "seconds"}, "1766225700.5", AT + 500),
        ({"unit": "seconds"}, 1766225700.5, AT + 500),
        ({"unit": "milliseconds"}, str(AT), AT),
        ({"unit": "microseconds"}, AT * 1000 + 999, AT),
        ({"unit": "microseconds"}, str(AT * 1000), AT),
        ({"unit": "nanoseconds"}, AT * 1_000_000, AT),
        ({"unit": "nanoseconds"}, str(AT * 1_000_000), AT),
        ({"unit": "milliseconds"}, AT // 1000, None),
        ({"unit": "microseconds"}, AT, None),
        ({"unit": "seconds"}, AT, None),
        ({"unit": "seconds"}, 5, None),
        ({"unit": "seconds"}, -5, None),
        ({"unit": "seconds"}, True, None),
        ({"unit": "seconds"}, "1e9", None),
        ({"unit": "seconds"}, "\u0663", None),
        ({"unit": "seconds"}, "9" * 400, None),
        ({"unit": "seconds"}, "2025-12-20T10:15:00Z", AT),
        ({"zone": "UTC"}, "2025-12-20 10:15:00", AT),
        ({"zone": "UTC"}, "2025-12-20 10:15:00.123456", AT + 123),
        ({"zone": "+01:00"}, "2025-12-20 11:15:00", AT),
        ({"zone": "UTC"}, "2025-12-20T12:15:00+02:00", AT),
        ({"zone": "UTC"}, "yesterday", None),
        ({}, {}, None),
        ({}, [], None),
    ],
)
def test_a_time_is_an_instant_or_the_event_is_rejected(
    expression: dict[str, object], value: object, expected: int | None
) -> None:
    found = outcome({"at": value}, occurred_at={"pointer": "/at", **expression})

    if expected is None:
        assert isinstance(found, Rejected)
        assert found.detail.startswith("mapping.occurred_at: ")
    else:
        assert isinstance(found, tuple)
        one = found[0]
        assert isinstance(one, MembershipChange)
        assert one.occurred_at_ms == expected


def test_a_time_that_is_unset_falls_back_and_one_that_is_wrong_does_not() -> None:
    times = [{"pointer": "/a"}, {"pointer": "/b"}]

    assert change({"b": AT}, occurred_at=times).occurred_at_ms == AT
    assert isinstance(outcome({"a": "soon", "b": AT}, occurred_at=times), Rejected)


@given(
    st.integers(10**11, 10**13),
    st.sampled_from(["seconds", "milliseconds", "microseconds", "nanoseconds"]),
)
def test_every_unit_says_the_same_instant(at: int, unit: str) -> None:
    at -= at % 1000
    per = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}[unit]
    number = at // 1000 * per

    for written in (number, str(number)):
        found = change({"at": written}, occurred_at={"pointer": "/at", "unit": unit})
        assert found.occurred_at_ms == at


REMOVE = {"value": "remove"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"country": {"pointer": "/bad"}},
        {"identities": [{"email": {"pointer": "/bad"}}]},
        {"identities": [{"for_each": "/bad/a", "email": {"item": "/x"}}]},
        {"identities": [{"for_each": "/list", "email": {"item": ""}}]},
        {"attributes": {"tier": {"pointer": "/bad"}}},
    ],
)
def test_a_bad_part_that_decides_nothing_stops_an_add_and_never_a_remove(
    wrong: dict[str, Any],
) -> None:
    event = {"bad": {"a": 1}, "list": [True]}

    assert isinstance(outcome(event, **wrong), Rejected)
    assert change(event, action=REMOVE, **wrong).action == "remove"


def test_consent_is_stated_and_never_inferred() -> None:
    consent = {
        "tcf": {"pointer": "/tcf"},
        "gpp": {"pointer": "/gpp"},
        "amazon": {"pointer": "/yes"},
    }

    assert change({}, consent=consent).consent is None
    assert change({"yes": "maybe"}, consent=consent).consent == {
        "amazon": {"ad_storage": "maybe", "user_data": "maybe"}
    }
    assert change({"yes": True}, consent=consent).consent == {
        "amazon": {"ad_storage": "GRANTED", "user_data": "GRANTED"}
    }
    assert change({"yes": False, "tcf": "C", "gpp": 7}, consent=consent).consent == {
        "tcf": "C",
        "amazon": {"ad_storage": "DENIED", "user_data": "DENIED"},
    }
    assert change({"yes": 1}, consent=consent).consent is None


def test_two_flags_may_stand_in_two_places() -> None:
    consent = {"amazon": {"ad_storage": {"pointer": "/a"}, "user_data": {"pointer": "/b"}}}

    assert change({"a": True, "b": "granted"}, consent=consent).consent == {
        "amazon": {"ad_storage": "GRANTED", "user_data": "granted"}
    }


def test_attributes_are_kept_by_their_own_names_and_types() -> None:
    found = change(
        {"tier": "gold", "score": 1.5, "vip": True},
        attributes={
            "tier": {"pointer": "/tier"},
            "score": {"pointer": "/score"},
            "vip": {"pointer": "/vip"},
            "none": {"pointer": "/none"},
        },
    )

    assert found.attributes == {"tier": "gold", "score": 1.5, "vip": True}


def test_backfill_is_marked_by_conditions() -> None:
    backfill = [{"pointer": "/mode", "is": ["initial"]}]

    assert change({"mode": "initial"}, backfill=backfill).is_backfill
    assert not change({"mode": "live"}, backfill=backfill).is_backfill


def test_identities_of_several_entries_stand_in_their_order() -> None:
    found = change(
        {
            "email": "a@example.com",
            "phone": 12065550100,
            "more": {"x": {"e": "b@example.com"}, "y": {}},
        },
        identities=[
            {"email": {"pointer": "/email"}, "phone": {"pointer": "/phone"}},
            {"for_each": "/more", "email": {"item": "/e"}, "last_name": {"value": "Diaz"}},
        ],
    )

    assert list(found.identities) == [
        {"email": "a@example.com", "phone": "12065550100"},
        {"email": "b@example.com", "last_name": "Diaz"},
        {"last_name": "Diaz"},
    ]


@given(st.text(max_size=30))
def test_a_pointer_is_one_or_none_and_never_raises(text: str) -> None:
    if tokens(text) is not None:
        lookup(text)({"a": [{"b": 1}]})


def test_nothing_that_stands_in_an_event_is_said_in_a_rejection() -> None:
    for mapping in (
        {"member": {"pointer": "/x"}},
        {"action": {"pointer": "/x", "add": ["I"]}},
        {"occurred_at": {"pointer": "/x"}},
        {"country": {"pointer": "/x"}},
    ):
        for value in ("ana@example.com", ["ana@example.com"], {"ana@example.com": 1}):
            found = outcome({"x": value}, **mapping)
            assert "ana" not in repr(found)
