from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.explain import UnknownField, explained
from pipeline.destinations.amazon_ads.rendering import AMAZON_NAMES, RecordRenderer
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.consent import ConsentNeeds
from pipeline.identity.hashing import hashed
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.profile import normalize
from tests.fakes.consents import GRANTING_TCF as _TCF

_ANA: dict[str, str] = {
    "email": "ana@example.com", "phone": "+1 206 555 0100", "first_name": "Ana",
    "last_name": "Diaz", "address": "1 Main Street", "city": "Seattle", "state": "WA",
    "postal": "98101",
}  # fmt: skip


def _change(
    action: Action = "add",
    country: str | None = "US",
    member_id: str = "u-1001",
    identities: Any = (_ANA,),
    consent: dict[str, object] | None = None,
) -> MembershipChange:
    return MembershipChange("vip", action, member_id, country, identities, consent, 1)


def _object(outcome: Rendered | Withheld | Rejected) -> Any:
    assert isinstance(outcome, Rendered)
    return orjson.loads(outcome.value)


def _reason(outcome: object) -> str:
    assert isinstance(outcome, Rejected | Withheld)
    return outcome.reason


def test_an_add_is_the_documented_object() -> None:
    outcome = RecordRenderer().render(_change(), None)

    assert _object(outcome) == {
        "action": "CREATE",
        "externalUserId": "u-1001",
        "countryCode": "US",
        "hashedPII": [{AMAZON_NAMES[field]: hashed(field, _ANA[field], "US") for field in FIELDS}],
    }
    assert isinstance(outcome, Rendered)
    assert outcome.member == "u-1001"


def test_a_remove_carries_the_identities_and_no_consent() -> None:
    removal = RecordRenderer().render(_change("remove", "DE", consent={"tcf": _TCF}), None)

    record = _object(removal)
    assert record["action"] == "DELETE"
    assert record["countryCode"] == "DE"
    assert record.keys() == {"action", "externalUserId", "countryCode", "hashedPII"}


@pytest.mark.parametrize(
    ("consent", "sent"),
    [
        ({"tcf": f" {_TCF} "}, {"tcf": _TCF}),
        ({"gpp": f"DBABMA~{_TCF}"}, {"gpp": f"DBABMA~{_TCF}"}),
        (
            {"amazon": {"ad_storage": "granted", "user_data": "granted"}},
            {"amzn": {"amznAdStorage": "GRANTED", "amznUserData": "GRANTED"}},
        ),
    ],
)
def test_a_signal_goes_out_alone_with_the_place_it_was_given(
    consent: dict[str, object], sent: dict[str, object]
) -> None:
    outcome = RecordRenderer().render(_change(country="uk", consent=consent), None)

    assert _object(outcome)["userConsent"] == {"geo": {"countryCode": "GB"}, "consent": sent}
    assert _object(outcome)["countryCode"] == "GB"


def test_the_records_country_counts_over_the_default() -> None:
    renderer = RecordRenderer()

    assert _object(renderer.render(_change(country="ca"), "US"))["countryCode"] == "CA"
    assert _object(renderer.render(_change(country=None), "us"))["countryCode"] == "US"
    assert _object(renderer.render(_change(country=""), "US"))["countryCode"] == "US"
    assert _reason(renderer.render(_change(country="DE"), "US")) == "consent_missing"


def test_without_any_country_an_add_needs_a_signal_and_then_goes_without_a_place() -> None:
    renderer = RecordRenderer()

    assert _reason(renderer.render(_change(country=None), None)) == "consent_missing"
    record = _object(renderer.render(_change(country=None, consent={"tcf": _TCF}), None))
    assert record["userConsent"] == {"consent": {"tcf": _TCF}}
    assert "countryCode" not in record


@pytest.mark.parametrize(
    ("country", "consent", "rejecting", "sending"),
    [
        ("NZ", None, "unsupported_country", "sent"),
        ("AT", None, "consent_missing", "consent_missing"),
        ("AT", {"tcf": _TCF}, "unsupported_country", "sent"),
        ("Germany", None, "unsupported_country", "consent_missing"),
        ("Germany", {"tcf": _TCF}, "unsupported_country", "sent"),
        ("Germany", {"amazon": {"user_data": "DENIED"}}, "consent_denied", "consent_denied"),
        ("NZ", {"amazon": {"user_data": "DENIED"}}, "consent_denied", "consent_denied"),
    ],
)
def test_an_add_from_a_country_amazon_does_not_take_ends_as_configured(
    country: str, consent: dict[str, object] | None, rejecting: str, sending: str
) -> None:
    change = _change(country=country, consent=consent)

    assert _reason(RecordRenderer().render(change, "US")) == rejecting
    outcome = RecordRenderer(unsupported_country="send_without_country").render(change, "US")
    if sending == "sent":
        assert "countryCode" not in _object(outcome)
    else:
        assert _reason(outcome) == sending


@pytest.mark.parametrize("country", [None, "NZ", "AT", "Germany", "DE"])
def test_a_remove_is_neither_withheld_nor_rejected_for_its_country(country: str | None) -> None:
    record = _object(RecordRenderer().render(_change("remove", country), None))

    assert record.get("countryCode") == ("DE" if country == "DE" else None)


def test_which_vendor_and_purposes_need_consent_is_configuration() -> None:
    asked = RecordRenderer(consent_needs=ConsentNeeds(vendor=755, purposes=(9, 10)))
    other = RecordRenderer(consent_needs=ConsentNeeds(vendor=28, purposes=(1,)))
    change = _change(country="DE", consent={"tcf": _TCF})

    assert isinstance(asked.render(change, None), Rendered)
    assert _reason(other.render(change, None)) == "consent_denied"


def test_the_list_of_countries_that_need_consent_is_configuration() -> None:
    renderer = RecordRenderer(consent_countries=frozenset({"US"}))

    assert _reason(renderer.render(_change(country="US"), None)) == "consent_missing"
    assert isinstance(renderer.render(_change(country="DE"), None), Rendered)


@pytest.mark.parametrize(
    "member_id", ["", "ana@example.com", "a b", "ü", "u" * 129, "u-1\n", "\u0661"]
)
def test_an_id_amazon_does_not_take_is_rejected_with_the_remedy(member_id: str) -> None:
    outcome = RecordRenderer().render(_change(member_id=member_id), None)

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "invalid_member_id"
    assert "member.id" in outcome.detail
    assert not member_id or member_id not in outcome.detail


def test_any_id_but_an_empty_one_can_go_out_hashed() -> None:
    renderer = RecordRenderer(external_user_id="sha256")

    outcome = renderer.render(_change(member_id="abc@example.com"), None)

    assert isinstance(outcome, Rendered)
    assert outcome.member == hashed("email", "abc@example.com", None)
    assert _object(outcome)["externalUserId"] == outcome.member
    assert _reason(renderer.render(_change(member_id=""), None)) == "invalid_member_id"
    assert isinstance(renderer.render(_change(member_id="\ud800"), None), Rendered)


def test_a_field_that_is_left_out_takes_no_other_with_it() -> None:
    broken = _ANA | {"email": "none", "phone": "12", "city": "東京", "age": "41"}

    record = _object(RecordRenderer().render(_change(identities=(broken,)), None))

    assert list(record["hashedPII"][0]) == ["firstname", "lastname", "address", "state", "postal"]


def test_an_identity_without_a_usable_field_is_dropped_from_the_record() -> None:
    record = _object(RecordRenderer().render(_change(identities=({}, _ANA, {"email": "x"})), None))

    assert len(record["hashedPII"]) == 1


@pytest.mark.parametrize("action", ["add", "remove"])
@pytest.mark.parametrize("identities", [(), ({},), ({"email": "none"}, {"phone": "7"})])
def test_a_record_without_any_usable_identity_is_rejected(action: Action, identities: Any) -> None:
    outcome = RecordRenderer().render(_change(action, identities=identities), None)

    assert _reason(outcome) == "no_usable_identity"


def test_a_hundred_usable_identities_go_and_one_more_does_not() -> None:
    hundred = tuple({"email": f"a{number}@example.com"} for number in range(100))
    renderer = RecordRenderer()

    assert isinstance(renderer.render(_change(identities=({}, *hundred)), None), Rendered)
    outcome = renderer.render(_change(identities=(*hundred, _ANA)), None)
    assert _reason(outcome) == "too_many_identities"


def test_a_remove_of_more_identities_than_amazon_takes_carries_the_first() -> None:
    many = tuple({"email": f"a{number}@example.com"} for number in range(150))

    removed = _object(RecordRenderer().render(_change("remove", identities=({}, *many)), None))

    assert len(removed["hashedPII"]) == 100
    assert removed["hashedPII"][0] == {"email": hashed("email", "a0@example.com", "US")}


def test_a_long_country_is_not_remembered() -> None:
    renderer = RecordRenderer()

    renderer.render(_change(country="x" * 100_000), None)

    assert not renderer._places


def test_a_thousand_spellings_of_countries_are_not_all_remembered() -> None:
    renderer = RecordRenderer()

    for number in range(3_000):
        renderer.render(_change(country=f"country {number}"), None)

    assert len(renderer._places) <= 1_024


_values = st.text(max_size=20) | st.sampled_from(["ana@example.com", "ab" * 32, "12 Main St"])


@given(
    st.text(max_size=8),
    st.none() | st.sampled_from(["US", "DE", "NZ", "UK", "xx"]) | st.text(max_size=3),
    st.lists(st.dictionaries(st.sampled_from(FIELDS), _values), max_size=3),
    st.sampled_from(["add", "remove"]),
)
def test_whatever_comes_the_outcome_is_a_value_and_holds_no_plain_data(
    member_id: str, country: str | None, identities: list[dict[str, str]], action: Action
) -> None:
    renderer = RecordRenderer(external_user_id="sha256")

    outcome = renderer.render(_change(action, country, member_id, identities), None)

    if isinstance(outcome, Rendered):
        for identity in _object(outcome)["hashedPII"]:
            assert identity
            assert all(len(digest) == 64 for digest in identity.values())


def test_no_detail_ever_quotes_a_value() -> None:
    secret = "Zaphod"
    change = _change(country=secret, member_id=f"{secret}@x", identities=({"email": secret},))
    renderers = [RecordRenderer(), RecordRenderer(unsupported_country="send_without_country")]

    for renderer in renderers:
        assert secret not in repr(renderer.render(change, None))
        assert secret not in repr(renderer.render(change._replace(country="US"), None))
        assert secret not in repr(renderer)


@given(st.sampled_from(FIELDS), st.text(max_size=30), st.sampled_from([None, "US", "uk", "ES"]))
def test_an_explanation_ends_where_the_record_does(
    field: Field, value: str, country: str | None
) -> None:
    explanation = explained(AMAZON_NAMES[field], value, country)

    code = {"uk": "GB"}.get(country or "", country)
    assert explanation.sha256 == hashed(field, value, code)
    assert (explanation.sha256 is None) == (explanation.omitted_because is not None)
    if explanation.steps and explanation.sha256:
        assert explanation.steps[-1][1] == normalize(field, value, code)


def test_an_explanation_shows_each_step_and_its_repr_none_of_them() -> None:
    explanation = explained("address", "  12, Baker Street ", "UK")

    assert explanation.steps[0] == ("trim", "12, Baker Street")
    assert explanation.steps[-1] == ("keep a-z 0-9", "12bakerst")
    assert "aker" not in repr(explanation)


@pytest.mark.parametrize(
    ("value", "because"),
    [
        ("a@b", "dotted domain"),
        ("5d" * 16, "not with SHA-256"),
        ("N/A", "placeholder"),
        ("none@none.com", "placeholder"),
    ],
)
def test_an_explanation_says_why_a_field_is_left_out(value: str, because: str) -> None:
    omitted = explained("email", value).omitted_because

    assert omitted is not None
    assert because in omitted


@pytest.mark.parametrize(("name", "country"), [("shoe_size", None), ("email", "Germany")])
def test_an_unknown_field_or_country_is_said_so(name: str, country: str | None) -> None:
    with pytest.raises(UnknownField):
        explained(name, "x", country)
