"""Who wants out is taken out: what does not decide a removal never stops it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.reasons import Rendered
from pipeline.sources.native import read

_EVENT: dict[str, Any] = {
    "audience": "vip",
    "action": "remove",
    "occurred_at": "2026-11-22T12:00:00Z",
    "member": {"id": "u-1", "country": "US", "identities": [{"email": "ana@example.com"}]},
}


def _read(event: object) -> Any:
    return read(orjson.dumps(event))


_GOOD = {"email": "ana@example.com"}
# What a remove or a withdrawal may hold besides what decides it: all of it goes through, with
# the country, the identities and the consent that are usable.
_ODD: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "consent that is a word": ({"consent": "DENIED"}, {"consent": None}),
    "consent that is false": ({"consent": False}, {"consent": None}),
    "consent that is a list": ({"consent": [{"tcf": "C"}]}, {"consent": None}),
    "consent that is a number": ({"consent": 0}, {"consent": None}),
    "a number for event_id": ({"event_id": 7}, {}),
    "a fraction for event_id": ({"event_id": 7.5}, {}),
    "null for event_id": ({"event_id": None}, {}),
    "an object for event_id": ({"event_id": {"id": [1]}}, {}),
    "a number for country": ({"country": 49}, {"country": None}),
    "a list for country": ({"country": ["DE"]}, {"country": None}),
    "an object for country": ({"country": {"code": "DE"}}, {"country": None}),
    "true for country": ({"country": True}, {"country": None}),
    "a word for country": ({"country": "Germany"}, {"country": "Germany"}),
    "a number for phone": (
        {"identities": [_GOOD | {"phone": 12065550100}]},
        {"identities": [_GOOD | {"phone": "12065550100"}]},
    ),
    "a fraction for phone": ({"identities": [_GOOD | {"phone": 1.5}]}, {"identities": [_GOOD]}),
    "a list for phone": ({"identities": [_GOOD | {"phone": ["1"]}]}, {"identities": [_GOOD]}),
    "an object for phone": ({"identities": [_GOOD | {"phone": {}}]}, {"identities": [_GOOD]}),
    "true for a name": ({"identities": [_GOOD | {"first_name": True}]}, {"identities": [_GOOD]}),
    "a number for a city": ({"identities": [_GOOD | {"city": 7}]}, {"identities": [_GOOD]}),
    "null beside an email": ({"identities": [_GOOD | {"phone": None}]}, {"identities": [_GOOD]}),
    "an unknown field": ({"identities": [_GOOD | {"age": 41}]}, {"identities": [_GOOD]}),
    "identities that are none": (
        {"identities": [None, "x", 7, _GOOD, ["y"]]},
        {"identities": [_GOOD]},
    ),
    "one identity without its list": ({"identities": _GOOD}, {"identities": [_GOOD]}),
    "identities that are a word": ({"identities": "ana@example.com"}, {"identities": []}),
    "identities that are a number": ({"identities": 7}, {"identities": []}),
    "no identities": ({"identities": None}, {"identities": ()}),
    "odd attributes": ({"attributes": 7}, {}),
    "all of it at once": (
        {"consent": 1, "event_id": [], "country": 49, "identities": [{"phone": {}} | _GOOD, 7]},
        {"consent": None, "country": None, "identities": [_GOOD]},
    ),
}


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("action", ["remove", "withdraw_consent"])
def test_what_does_not_decide_a_removal_never_stops_it(odd: str, action: str) -> None:
    written, expected = _ODD[odd]
    of_member = {"country", "identities", "attributes"}
    member = {"id": "u-1", "country": "US", "identities": [_GOOD]} | {
        key: value for key, value in written.items() if key in of_member
    }
    others = {key: value for key, value in written.items() if key not in of_member}

    (change,) = _read(_EVENT | {"action": action, "member": member} | others)

    assert (change.audience, change.action, change.member_id) == ("vip", "remove", "u-1")
    assert expected.items() <= change._asdict().items()


def test_a_name_that_is_none_does_not_stop_the_other_removals_of_a_withdrawal() -> None:
    names = ["vip", None, 456, "", {"name": "lapsed"}, "new"]

    changes = _read(_EVENT | {"action": "withdraw_consent", "audiences": names})

    assert [change.audience for change in changes] == ["vip", "", "456", "", "", "new"]
    assert {change.action for change in changes} == {"remove"}


_anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text("aZ9-.", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("email"), inner),
    max_leaves=6,
)


@given(_anything, _anything, _anything, st.dictionaries(st.sampled_from(["phone", "x"]), _anything))
def test_with_one_usable_email_a_removal_reaches_the_partner(
    consent: object, event_id: object, country: object, others: dict[str, object]
) -> None:
    member = {"id": "u-1", "country": country, "identities": [others | _GOOD, event_id]}
    event = _EVENT | {"member": member, "consent": consent, "event_id": event_id}

    (change,) = _read(event)
    outcome = RecordRenderer().render(change, "US")

    assert isinstance(outcome, Rendered)
    assert b'"action":"DELETE"' in outcome.value
