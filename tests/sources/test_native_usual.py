"""A usual event is looked at once, for speed: it says what the checks one by one say."""

from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.identity.normalize.fields import FIELDS
from pipeline.sources import native
from pipeline.sources.native import read

_EVENT: dict[str, Any] = {
    "event_id": "e-1",
    "audience": "vip",
    "action": "add",
    "occurred_at": "2026-11-22T12:00:00Z",
    "member": {"id": "u-1", "country": "US", "identities": [{"email": "ana@example.com"}]},
    "consent": {"tcf": "C"},
}

_anything: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 7, 1.5, "", "vip", [], ["vip"], [7], {}, {"id": "u"}, {"id": 7}, [{"a": [{}]}]]
)
_identity = _anything | st.dictionaries(st.sampled_from(["email", "phone", "age"]), _anything)
_texts = st.text(max_size=8) | st.sampled_from(["", "ana@example.com", "\ud800", "東京", '"'])
_usual_identity = st.fixed_dictionaries({}, optional=dict.fromkeys([*FIELDS, "age"], _texts))
_near_usual = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["add", "remove", "add", "withdraw_consent"]),
        "audience": st.sampled_from(["vip", "vip", "", "\ud800"]),
        "occurred_at": st.sampled_from(
            ["2026-11-22T12:00:00Z", "1970-01-01T00:00:00Z", 1795348800]
        ),
        "member": st.fixed_dictionaries(
            {"id": st.sampled_from(["u-1", "u-1", "", "\ud800"])},
            optional={
                "country": st.sampled_from(["US", "uk", "", None]),
                "identities": st.lists(_usual_identity | _identity, max_size=3),
                "attributes": _anything
                | st.dictionaries(st.sampled_from(["tier", "age"]), _anything | _texts),
            },
        ),
    },
    optional={
        "event_id": st.sampled_from(["e-1", "", 7, None]),
        "consent": st.sampled_from([None, {}, {"tcf": "C"}, {"amazon": {"ad_storage": []}}]),
    },
)


_broken = st.tuples(_near_usual, st.sampled_from(sorted(_EVENT)), _anything).map(
    lambda drawn: drawn[0] | {drawn[1]: drawn[2]}
)


def _judged_one_by_one(event: Any) -> object:
    try:
        return native._changes(event)
    except native._Malformed as malformed:
        return str(malformed)


@settings(max_examples=500)
@given(_near_usual | _broken | _anything)
@example(_EVENT)
@example(_EVENT | {"member": {"id": "u-1", "identities": {}}})
@example(_EVENT | {"member": {"id": "u-1", "identities": [{"phone": None}]}})
def test_the_look_at_a_usual_event_says_nothing_else_than_the_checks_one_by_one(
    event: object,
) -> None:
    at_once = native._usual(event)

    assert at_once is None or at_once == _judged_one_by_one(event)


def test_a_usual_event_is_looked_at_once() -> None:
    assert native._usual(_EVENT) is not None
    assert native._usual(_EVENT | {"consent": None, "action": "remove"}) is not None
    member = {**_EVENT["member"], "attributes": {"tier": "gold", "age": 41, "is_new": True}}
    assert native._usual(_EVENT | {"member": member}) is not None


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    twice = orjson.dumps(_EVENT).replace(b'"id":"u-1"', b'"id":7,"id":"u-1","id":"u-2"')

    changes = read(twice)

    assert isinstance(changes, tuple)
    assert changes[0].member_id == "u-2"
