from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pipeline.domain.change import MembershipChange
from pipeline.domain.reasons import Ignored, Rejected
from pipeline.sources.native import read
from pipeline.sources.native_schema import EVENT_SCHEMA

_NOON = 1_795_348_800_000
_EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "audience": "vip",
    "action": "add",
    "occurred_at": "2026-11-22T12:00:00Z",
    "member": {
        "id": "u-1",
        "country": "US",
        "identities": [{"email": "ana@example.com", "first_name": "Ana"}],
    },
    "consent": {"tcf": "C"},
}
_VALIDATOR = Draft202012Validator(EVENT_SCHEMA)


def _outcome(event: object) -> Any:
    return read(orjson.dumps(event))


def _read(**changed: object) -> Any:
    return _outcome(_EVENT | changed)


def test_an_event_becomes_the_change_it_states() -> None:
    (change,) = _read()

    assert change == MembershipChange(
        audience="vip",
        action="add",
        member_id="u-1",
        country="US",
        identities=[{"email": "ana@example.com", "first_name": "Ana"}],
        consent={"tcf": "C"},
        occurred_at_ms=_NOON,
    )


def test_a_null_value_is_a_tombstone() -> None:
    assert read(None) == Ignored("tombstone")


def test_a_withdrawal_of_listed_audiences_removes_from_each() -> None:
    changes = _read(action="withdraw_consent", audience=None, audiences=["vip", "lapsed"])

    assert [(change.audience, change.action) for change in changes] == [
        ("vip", "remove"),
        ("lapsed", "remove"),
    ]


def test_a_withdrawal_without_a_list_removes_from_every_audience() -> None:
    (change,) = _read(action="withdraw_consent", audience=None)

    assert (change.audience, change.action) == (None, "remove")


def test_a_withdrawal_of_one_audience_removes_from_that_one() -> None:
    (change,) = _read(action="withdraw_consent")

    assert (change.audience, change.action) == ("vip", "remove")


def test_what_is_optional_may_be_absent_and_the_unknown_is_passed_over() -> None:
    event = {"audience": "vip", "action": "remove", "occurred_at": 1, "member": {"id": "u-1"}}

    (change,) = _outcome(event | {"priority": [1]})

    assert change == MembershipChange("vip", "remove", "u-1", None, (), None, 1000)


def test_a_null_field_is_absent_and_an_unknown_one_may_hold_anything() -> None:
    identities = [{"email": "a@b.co", "phone": None, "age": 41}, {"city": "Rome"}]

    (change,) = _read(member={"id": "u-1", "identities": identities})

    assert change.identities == [{"email": "a@b.co"}, {"city": "Rome"}]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"action": "join"}, "action"),
        ({"action": "ADD"}, "action"),
        ({"action": None}, "action"),
        ({"action": ["add"]}, "action"),
        ({"audience": None}, "audience"),
        ({"audience": ""}, "audience"),
        ({"occurred_at": None}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, "occurred_at"),
        ({"member": None}, "member"),
        ({"member": []}, "member"),
        ({"member": {}}, "member.id"),
        ({"member": {"id": ""}}, "member.id"),
        ({"member": {"id": "u-1", "country": 49}}, "member.country"),
        ({"member": {"id": "u-1", "identities": {}}}, "member.identities"),
        ({"member": {"id": "u-1", "identities": ["a"]}}, "member.identities"),
        ({"member": {"id": "u-1", "identities": [None]}}, "member.identities"),
        ({"audience": True}, "audience"),
        ({"audience": 7.5}, "audience"),
        ({"audience": {"name": "vip"}}, "audience"),
        ({"member": {"id": True}}, "member.id"),
        ({"member": {"id": 1001.5}}, "member.id"),
        ({"member": {"id": 1e22}}, "member.id"),
        ({"member": {"id": ["u-1"]}}, "member.id"),
        ({"member": {"id": "u-1", "identities": [{"email": 7}]}}, "email"),
        ({"member": {"id": "u-1", "identities": [{"phone": True}]}}, "phone"),
        ({"member": {"id": "u-1", "identities": [{"phone": 12065550100.5}]}}, "phone"),
        ({"member": {"id": "u-1", "identities": [{"phone": -12065550100}]}}, "phone"),
        ({"member": {"id": "u-1", "identities": [{"phone": {"mobile": "1"}}]}}, "phone"),
        ({"member": {"id": "u-1", "identities": [{"postal": ["98101"]}]}}, "postal"),
        ({"consent": "GRANTED"}, "consent"),
        ({"consent": "DENIED"}, "consent"),
        ({"consent": []}, "consent"),
        ({"action": "remove", "audience": None}, "audience"),
        ({"action": "remove", "audience": False}, "audience"),
        ({"action": "remove", "member": {"id": None}}, "member.id"),
        ({"action": "remove", "member": "u-1"}, "member"),
        ({"action": "remove", "occurred_at": "yesterday"}, "occurred_at"),
        ({"action": "remove", "occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at"),
        ({"action": "withdraw_consent", "audience": {}}, "audience"),
        ({"action": "withdraw_consent", "audiences": [None, "", {}]}, "audiences"),
        ({"action": "withdraw_consent", "audiences": {"vip": True}}, "audiences"),
        ({"action": "withdraw_consent", "audiences": []}, "audiences"),
        ({"action": "withdraw_consent", "audiences": "vip"}, "audiences"),
    ],
)
def test_what_does_not_fit_is_malformed_and_the_detail_names_the_key(
    changed: dict[str, object], key: str
) -> None:
    outcome = _read(**changed)

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "malformed"
    assert key in outcome.detail


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"audience": 456}, {"audience": "456"}),
        ({"event_id": 7}, {}),
        ({"event_id": None}, {}),
        ({"event_id": {"source": "cdp", "number": [1]}}, {}),
        ({"member": {"id": 1001}}, {"member_id": "1001"}),
        ({"member": {"id": 0}}, {"member_id": "0"}),
        ({"member": {"id": 1001.0}}, {"member_id": "1001"}),
        ({"member": {"id": 379909525712777677}}, {"member_id": "379909525712777677"}),
        ({"member": {"id": 18446744073709551615}}, {"member_id": "18446744073709551615"}),
        (
            {"member": {"id": "u", "identities": [{"phone": 12065550100, "postal": 98101}]}},
            {"identities": [{"phone": "12065550100", "postal": "98101"}]},
        ),
        (
            {"member": {"id": "u", "identities": [{"phone": 12065550100.0, "postal": 98101.0}]}},
            {"identities": [{"phone": "12065550100", "postal": "98101"}]},
        ),
    ],
)
@pytest.mark.parametrize("action", ["add", "remove"])
def test_a_whole_number_is_the_text_it_says_where_upstreams_write_numbers(
    changed: dict[str, object], expected: dict[str, object], action: str
) -> None:
    (change,) = _read(**changed, action=action)

    assert expected.items() <= change._asdict().items()


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"NaN", b'{"a": "\\ud800"}', b"[" * 2000],
)
def test_what_is_no_json_object_is_malformed(value: bytes) -> None:
    outcome = read(value)

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "malformed"


def test_a_detail_never_quotes_the_person() -> None:
    outcome = _read(member={"id": "ana@example.com", "identities": [{"phone": -4915123456789}]})

    assert isinstance(outcome, Rejected)
    assert "ana" not in outcome.detail
    assert "4915" not in outcome.detail


def test_a_change_shows_no_person() -> None:
    (change,) = _read()

    assert "ana" not in repr(change).lower()


_anything = st.sampled_from(
    [None, True, 0, 7, 1.5, "", "vip", [], ["vip"], [""], [7], {}, {"id": "u"}, {"id": 7}]
)
_times = st.one_of(
    _anything,
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.builds(
        "{}-{}-{}{}{}:{}:{}{}{}".format,
        st.sampled_from(["2026", "0001", "26"]),
        st.sampled_from(["01", "12", "13", "1"]),
        st.sampled_from(["01", "28", "32"]),
        st.sampled_from(["T", "t", " ", "x", ""]),
        st.sampled_from(["00", "23", "24"]),
        st.sampled_from(["00", "59", "60"]),
        st.sampled_from(["00", "59", "60"]),
        st.sampled_from(["", ".1", ",123456789", ".1234567890", "."]),
        st.sampled_from(["Z", "z", " UTC", "+00:00", "-0730", " +05", "+24:00", "", "+1"]),
    ),
)
_identity: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(["email", "phone", "age"]),
    st.sampled_from(["a@b.co", "", None, 7, 7.0, 7.5, -7, True, []]),
)
_members = st.one_of(
    _anything,
    st.fixed_dictionaries(
        {"id": st.sampled_from(["u-1", "", 7, 7.0, 7.5, True])},
        optional={
            "country": st.sampled_from(["US", None, 7]),
            "identities": st.one_of(_anything, st.lists(_identity | _anything, max_size=3)),
            "attributes": st.one_of(
                _anything, st.dictionaries(st.sampled_from(["tier", "age"]), _anything)
            ),
        },
    ),
)
_events = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["add", "remove", "withdraw_consent", "join", None, 7]),
        "occurred_at": st.just("2026-11-22T12:00:00Z") | _times,
        "member": st.just(_EVENT["member"]) | _members,
    },
    optional={
        "event_id": _anything,
        "audience": _anything,
        "audiences": _anything,
        "consent": _anything,
        "extra": _anything,
    },
)


def test_attributes_are_text_numbers_and_booleans_and_null_is_absent() -> None:
    member = {"id": "u-1", "attributes": {"tier": "gold", "age": 41, "is_new": True, "city": None}}

    (change,) = _read(member=member)

    assert change.attributes == {"tier": "gold", "age": 41, "is_new": True}


@pytest.mark.parametrize("attributes", [["gold"], "gold", {"tier": ["gold"]}, {"tier": {}}])
def test_attributes_that_are_none_are_malformed_in_an_add_and_passed_over_in_a_remove(
    attributes: object,
) -> None:
    member = {"id": "u-1", "attributes": attributes}

    added, (removed,) = _read(member=member), _read(member=member, action="remove")

    assert isinstance(added, Rejected)
    assert added.detail.startswith("member.attributes: ")
    assert removed.attributes is None


def test_a_withdrawal_says_that_it_is_one() -> None:
    every = _read(action="withdraw_consent", audiences=["vip", "lapsed"])

    assert [change.is_withdrawal for change in every] == [True, True]
    assert [change.is_withdrawal for change in _read(action="remove")] == [False]


@given(_events)
@example(_EVENT)
@example(_EVENT | {"action": "withdraw_consent", "audiences": ["vip"], "audience": 7.5})
@example(_EVENT | {"action": "withdraw_consent", "audiences": ["vip", {}]})
@example(_EVENT | {"action": "remove", "consent": "DENIED"})
@example(_EVENT | {"action": "add", "consent": "DENIED"})
def test_the_published_schema_and_the_reader_agree(event: dict[str, object]) -> None:
    accepted = not isinstance(read(orjson.dumps(event)), Rejected)

    assert accepted == _VALIDATOR.is_valid(event)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(EVENT_SCHEMA)
