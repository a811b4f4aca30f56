import re
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sandbox.amazon_ads.dialects import Refusal
from pipeline.sandbox.amazon_ads.record_rules import problem_of, read_upload, record_digest
from tests.sandbox.amazon_client import AUDIENCE, digest, members, record

GOOD_CONSENTS: list[Any] = [
    {},
    {"geo": {"countryCode": "DE", "ipAddress": "192.0.2.1"}},
    {"consent": {"tcf": "CPXxRfAPXxRfA"}},
    {"consent": {"gpp": "DBAA"}},
    {"geo": {}, "consent": {"amzn": {"amznAdStorage": "GRANTED", "amznUserData": "UNKNOWN"}}},
]
BAD_RECORDS: dict[str, Any] = {
    "not an object": "record",
    "null": None,
    "no action": {"externalUserId": "a", "hashedPII": [{}]},
    "no member": {"action": "CREATE", "hashedPII": [{}]},
    "no identities": {"action": "CREATE", "externalUserId": "a"},
    "an unknown field": record("a", email=digest("a")),
    "an empty member": record(""),
    "a member with a dot": record("a.b"),
    "a member with an at sign": record("ana@example.com"),
    "a member with a line end": record("a\n"),
    "a member with a letter outside ASCII": record("ä"),
    "a member of 129 characters": record("m" * 129),
    "a member that is a number": record("a", externalUserId=7),
    "an action in lower case": record("a", "create"),
    "an unknown action": record("a", "UPDATE"),
    "an action that is a list": {**record("a"), "action": ["CREATE"]},
    "identities that are one object": record("a", hashedPII={}),
    "no identity in the list": record("a", hashedPII=[]),
    "101 identities": record("a", hashedPII=[{}] * 101),
    "an identity that is a string": record("a", hashedPII=[digest("a")]),
    "an unknown identity field": record("a", hashedPII=[{"maid": digest("a")}]),
    "a name in camel case": record("a", hashedPII=[{"firstName": digest("a")}]),
    "a plain e-mail address": record("a", hashedPII=[{"email": "ana@example.com"}]),
    "a hash in upper case": record("a", hashedPII=[{"email": digest("a").upper()}]),
    "a hash one short": record("a", hashedPII=[{"email": digest("a")[1:]}]),
    "a hash one too long": record("a", hashedPII=[{"email": digest("a") + "0"}]),
    "an empty hash": record("a", hashedPII=[{"email": ""}]),
    "a hash that is a number": record("a", hashedPII=[{"email": 7}]),
    "a hash that is null": record("a", hashedPII=[{"email": None}]),
    "two hashes of uneven length": record(
        "a", hashedPII=[{"email": digest("a") + "0", "phone": digest("a")[1:]}]
    ),
    "a country in lower case": record("a", countryCode="us"),
    "a country that is not one": record("a", countryCode="XX"),
    "a country that is null": record("a", countryCode=None),
    "measurements that are a list": record("a", measurements=[]),
    "consent that is a string": record("a", userConsent="yes"),
    "consent with an unknown field": record("a", userConsent={"tcf": "C"}),
    "two signals": record("a", userConsent={"consent": {"tcf": "C", "gpp": "D"}}),
    "an empty signal": record("a", userConsent={"consent": {"tcf": ""}}),
    "an unknown consent word": record(
        "a", userConsent={"consent": {"amzn": {"amznUserData": "YES"}}}
    ),
    "a consent country that is not one": record("a", userConsent={"geo": {"countryCode": "XX"}}),
}


def body(records: object, **more: object) -> bytes:
    return orjson.dumps({"audienceId": AUDIENCE, "records": records, **more})


def refused(request: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_upload(request, names_bad_record=False)
    return caught.value


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_one_bad_record_makes_the_whole_request_a_400_that_does_not_name_it(bad: Any) -> None:
    refusal = refused(body([*members(20), bad, *members(20, "other")]))

    assert refusal.status == 400
    assert "[" not in refusal.message.replace("[0-9a-zA-Z", "")


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS.keys())
def test_the_position_of_the_first_bad_record_is_named_when_asked_for(bad: Any) -> None:
    with pytest.raises(Refusal, match=r"^records\[20\]: "):
        read_upload(body([*members(20), bad, bad]), names_bad_record=True)


@pytest.mark.parametrize("consent", GOOD_CONSENTS)
def test_every_documented_shape_of_consent_is_taken(consent: object) -> None:
    read_upload(body([record("a", userConsent=consent)]), names_bad_record=False)


def test_what_the_guide_shows_is_taken() -> None:
    fields = ("email", "phone", "city", "state", "postal", "firstname", "lastname", "address")
    full = record(
        "CDP_Test-19876",
        "DELETE",
        countryCode="US",
        measurements={},
        hashedPII=[{name: digest(name) for name in fields}] * 100,
    )

    request = read_upload(
        body([full, record("b", hashedPII=[{}])], targetResource={"connectionId": "c"}),
        names_bad_record=False,
    )

    assert request.audience == AUDIENCE
    assert request.connection == "c"
    assert request.members == ["CDP_Test-19876", "b"]
    assert request.adds == [False, True]


@pytest.mark.parametrize(
    ("audience", "spelling"),
    [
        ('"413642381039213536"', "Message"),
        ("413642381039213536.0", "Message"),
        ("4e17", "Message"),
        ("true", "Message"),
        ("null", "Message"),
        ("-1", "message"),
        ("0", "message"),
        ("9223372036854775808", "message"),
        ("18446744073709551616", "Message"),
    ],
)
def test_an_audience_id_is_a_64_bit_integer_or_refused(audience: str, spelling: str) -> None:
    refusal = refused(b'{"audienceId":%s,"records":[]}' % audience.encode())

    assert (400, spelling) == (refusal.status, refusal.spelling)


def test_a_quoted_audience_id_gets_the_words_that_the_partner_is_known_for() -> None:
    refusal = refused(b'{"audienceId":"347891","records":[]}')

    assert refusal.message == "STRING_VALUE can not be converted to a Long"


@pytest.mark.parametrize("audience", [1, 2**53 + 1, 2**63 - 1])
def test_every_64_bit_audience_id_is_kept_exactly(audience: int) -> None:
    request = read_upload(body(members(1), audienceId=audience), names_bad_record=False)

    assert audience == request.audience


@pytest.mark.parametrize(
    "request_body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"audienceId":1}',
        b'{"records":[]}',
        body([]),
        body({}),
        body(members(10_001)),
        body(members(1), records_count=1),
        body(members(1), targetResource={}),
        body(members(1), targetResource=None),
        body(members(1), targetResource={"connectionId": 5}),
        body(members(1), targetResource={"advertiserId": 5}),
        body(members(1), targetResource={"connectionId": "c", "advertiserId": 5}),
        body(members(1), targetResource={"connectionId": "c", "targetTypes": ["AMC"]}),
        body(members(1), targetResource={"connectionId": "c", "targetTypes": ["DSP", "DSP"]}),
        body(members(1), targetResource={"connectionId": "c", "targetTypes": "DSP"}),
    ],
)
def test_a_request_of_another_shape_is_refused(request_body: bytes) -> None:
    assert refused(request_body).status == 400


def test_ten_thousand_records_are_taken_and_one_more_is_not() -> None:
    request = read_upload(body(members(10_000)), names_bad_record=False)

    assert len(request.members) == 10_000


def test_additions_whose_consent_says_no_are_noted_and_removals_are_not() -> None:
    denied = {"consent": {"amzn": {"amznUserData": "DENIED"}}}
    records = [
        record("a"),
        record("b", userConsent=denied),
        record("c", "DELETE", userConsent=denied),
    ]

    assert read_upload(body(records), names_bad_record=False).denied == {1}


def test_the_digest_of_a_record_is_of_its_content_not_of_its_order() -> None:
    one = record("a", countryCode="US")
    same = dict(reversed(one.items()))

    assert record_digest(one) == record_digest(same)
    assert record_digest(one) != record_digest(record("a", countryCode="GB"))


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just([]), st.just({})
)
members_like = st.one_of(anything, st.from_regex(r"[0-9a-zA-Z_\-.ä]{1,5}", fullmatch=True))
hashes_like = st.one_of(anything, st.from_regex(r"[0-9a-fA]{63,65}", fullmatch=True))
identities_like = st.lists(
    st.dictionaries(st.sampled_from(["email", "phone", "maid"]), hashes_like, max_size=2),
    max_size=2,
)
records_like = st.fixed_dictionaries(
    {
        "externalUserId": members_like,
        "action": st.one_of(anything, st.sampled_from(["CREATE", "DELETE"])),
        "hashedPII": st.one_of(anything, identities_like),
    },
    optional={"countryCode": st.one_of(anything, st.sampled_from(["US", "us"]))},
)


def obeys(candidate: Any) -> bool:
    """The same rules, one record at a time and as plainly as they can be said."""
    member, action = candidate["externalUserId"], candidate["action"]
    identities, country = candidate["hashedPII"], candidate.get("countryCode", "US")
    return (
        isinstance(member, str)
        and re.fullmatch(r"[0-9a-zA-Z\-_]{1,128}", member) is not None
        and action in ("CREATE", "DELETE")
        and isinstance(identities, list)
        and 1 <= len(identities) <= 100
        and all(identity.keys() <= {"email", "phone"} for identity in identities)
        and all(
            isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None
            for identity in identities
            for value in identity.values()
        )
        and country == "US"
    )


@given(st.lists(records_like, min_size=1, max_size=4))
def test_checking_all_records_at_once_finds_what_checking_each_would(records: list[Any]) -> None:
    before = deepcopy(records)

    problem = problem_of(records)

    assert (problem is None) == all(obeys(candidate) for candidate in records)
    assert before == records
