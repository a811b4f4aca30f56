"""A change as a member record at Adobe holds it: identity, cells, or why there is none."""

import json
from hashlib import sha256
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.adobe_audiences.partner import ADOBE_AUDIENCES
from pipeline.destinations.adobe_audiences.settings import AdobeSettings
from pipeline.destinations.adobe_audiences.targets import AdobeTarget
from pipeline.destinations.amazon_ads.partner import AMAZON_ADS
from pipeline.domain.change import MembershipChange
from pipeline.domain.member_record import Place, decode_member
from pipeline.domain.reasons import Rejected, Rendered, Withheld
from pipeline.identity.hashing import once_for
from tests.destinations.adobe import ANA, NAME, change, settings, target
from tests.destinations.test_amazon_partner import settings as amazon_settings
from tests.destinations.test_amazon_partner import target as amazon_target
from tests.fakes.consents import bitfield, core_bits, encoded

EMAIL_DIGEST = sha256(b"ana@example.com").hexdigest()
PHONE_DIGEST = sha256(b"+12065550100").hexdigest()
ECID = "38400000802384000008023840000080238400"
CRM = {"namespace": "crm", "from": "attributes.crm"}


def tc_string(purposes: set[int], vendors: set[int]) -> str:
    return encoded(core_bits(purposes=purposes, vendors=bitfield(vendors)))


def rendered(
    said: MembershipChange, one: AdobeTarget | None = None, of: AdobeSettings | None = None
) -> Rendered | Withheld | Rejected:
    render = ADOBE_AUDIENCES.renderer(of or settings(), one or target())
    with_hash = render(said, once_for(said.identities))
    assert render(said, None) == with_hash
    return with_hash


def stored(said: MembershipChange, one: AdobeTarget | None = None) -> Any:
    found = rendered(said, one)
    assert isinstance(found, Rendered), found
    return json.loads(found.value)


def test_a_member_record_has_the_rendering_the_bare_identity_and_cells_as_text() -> None:
    one = target(columns=[{"name": "tier", "from": "attributes.tier"}])

    found = rendered(change(attributes={"tier": 'a"b'}), one)

    assert isinstance(found, Rendered)
    shape = ADOBE_AUDIENCES.snapshot_audience
    assert shape is not None
    audience = shape(settings(), one, NAME)
    assert found.member == "u-1"
    assert json.loads(found.value) == {
        "r": audience.rendering,
        "i": EMAIL_DIGEST,
        "c": ['"a\ufffdb"'],
    }
    assert audience.header == b"identity,tier\n"
    assert audience.empty_row == b'"",\n'


def test_what_is_rendered_completes_a_member_record() -> None:
    found = rendered(change())
    assert isinstance(found, Rendered)
    value = b'{"v":1,"a":"+","t":5,"p":"cdp/0/9/0",' + found.value[1:]

    record = decode_member(value)

    assert getattr(record, "identity", None) == EMAIL_DIGEST
    assert getattr(record, "place", None) == Place("cdp", 0, 9, 0)


@pytest.mark.parametrize(
    ("identity", "said", "expected"),
    [
        ({"namespace": "email_lc_sha256", "from": "email"}, {}, EMAIL_DIGEST),
        ({"namespace": "EMAIL_LC_SHA256", "from": "email"}, {}, EMAIL_DIGEST),
        ({"namespace": "phone_sha256_e.164", "from": "phone"}, {}, PHONE_DIGEST),
        ({"namespace": "ecid", "from": "attributes.ecid"}, {"attributes": {"ecid": ECID}}, ECID),
        ({"namespace": "crm", "from": "member_id"}, {}, "u-1"),
        (CRM, {"attributes": {"crm": 77}}, "77"),
    ],
)
def test_each_namespace_is_filled_from_its_own_place(
    identity: dict[str, str], said: dict[str, Any], expected: str
) -> None:
    assert stored(change(**said), target(identity=identity))["i"] == expected


def test_a_number_without_a_country_code_is_read_in_the_country_of_member_target_or_settings() -> (
    None
):
    local = change(country=None, identities=[{"phone": "206 555 0100"}])
    phone = {"namespace": "phone_sha256_e.164", "from": "phone"}
    consent: dict[str, object] = {"consent_countries": []}

    of_target = rendered(local, target(identity=phone, country="US"), settings(**consent))
    of_settings = rendered(local, target(identity=phone), settings(country="US", **consent))

    assert isinstance(of_target, Rendered)
    assert of_target == of_settings
    assert json.loads(of_target.value)["i"] == PHONE_DIGEST


def test_the_first_usable_identity_counts() -> None:
    identities = [{"phone": "+1 206 555 0100"}, {"email": "n/a"}, ANA, {"email": "b@example.com"}]

    assert stored(change(identities=identities))["i"] == EMAIL_DIGEST


@pytest.mark.parametrize("identities", [[], [{"phone": "+1 206 555 0100"}], [{"email": "n/a"}]])
def test_a_member_without_the_wanted_identity_is_a_member_without_a_row(
    identities: list[dict[str, str]],
) -> None:
    assert stored(change(identities=identities))["i"] is None


@pytest.mark.parametrize(
    ("identity", "value", "said"),
    [
        (CRM, 'a"b', "never altered"),
        (CRM, "=1", "never altered"),
        (CRM, "+12065550100", "never altered"),
        (CRM, "a\nb", "never altered"),
        (CRM, 2.5, "never altered"),
        (CRM, True, "never altered"),
        (CRM, "ana@example.com", "plain personal data"),
        (CRM, "tel:+12065550100", "plain personal data"),
        ({"namespace": "ECID", "from": "attributes.crm"}, "384", "38 digits"),
    ],
)
def test_an_identity_that_no_file_may_hold_is_a_dead_letter_that_quotes_nothing(
    identity: dict[str, str], value: object, said: str
) -> None:
    found = rendered(change(attributes={"crm": value}), target(identity=identity))

    assert isinstance(found, Rejected)
    assert found.reason == "no_usable_identity"
    assert "member.attributes.crm" in found.detail
    assert said in found.detail
    assert str(value) not in found.detail.replace("member.attributes.crm", "")


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("number", "many", "is no number"),
        ("string", "ana@example.com", "plain personal data"),
        ("string", "Ana <ana@example.com>", "plain personal data"),
        ("string", "+12065550100", "plain personal data"),
    ],
)
def test_a_value_that_does_not_fit_its_column_is_a_dead_letter(
    kind: str, value: object, said: str
) -> None:
    one = target(columns=[{"name": "visits", "from": "attributes.visits", "type": kind}])

    found = rendered(change(attributes={"visits": value}), one)

    assert isinstance(found, Rejected)
    assert found.reason == "malformed"
    assert said in found.detail
    assert str(value) not in found.detail


def test_a_remove_needs_nothing_but_the_id_of_the_member() -> None:
    one = target(identity=CRM, columns=[{"name": "n", "from": "attributes.n", "type": "number"}])
    denied = {"amazon": {"ad_storage": "DENIED"}}

    found = rendered(
        change("remove", consent=denied, country="DE", attributes={"crm": "=1", "n": "x"}), one
    )

    assert found == Rendered("u-1", b"")


@pytest.mark.parametrize(
    "member", ["", "ana@example.com", "a b", "+12065550100", "x" * 257, "a\0b"]
)
@pytest.mark.parametrize("action", ["add", "remove"])
def test_an_id_that_may_be_an_address_or_a_number_stands_in_no_topic(
    member: str, action: Any
) -> None:
    found = rendered(change(action, member_id=member))

    assert isinstance(found, Rejected)
    assert found.reason == "invalid_member_id"
    assert "member_ids: sha256" in found.detail


@pytest.mark.parametrize("ids", ["as_is", "sha256"])
@pytest.mark.parametrize("member", ["ana@example.com", "+12065550100", "a b", ""])
def test_no_id_that_is_looked_for_or_removed_is_plain(ids: str, member: str) -> None:
    """
    A remove is written without being rendered, under the id that the partner's function gives.
    """
    written = ADOBE_AUDIENCES.member_id(settings(member_ids=ids), member)

    assert len(written) == 64
    assert not member or member not in written


def test_ids_that_are_personal_are_stored_and_sent_as_their_digest() -> None:
    by_id = target(identity={"namespace": "crm", "from": "member_id"})
    hashed = settings(member_ids="sha256")
    digest = sha256(b"ana@example.com").hexdigest()

    added = rendered(change(member_id="ana@example.com"), by_id, hashed)
    removed = rendered(change("remove", member_id="ana@example.com"), by_id, hashed)

    assert isinstance(added, Rendered)
    assert isinstance(removed, Rendered)
    assert added.member == removed.member == digest
    assert json.loads(added.value)["i"] == digest
    assert ADOBE_AUDIENCES.member_id(hashed, "ana@example.com") == digest


@given(
    st.fixed_dictionaries(
        {"email": st.emails(), "phone": st.from_regex(r"\+1206555[0-9]{4}", fullmatch=True)}
    ),
    st.sampled_from(
        [
            {"namespace": "email_lc_sha256", "from": "email"},
            {"namespace": "phone_sha256_e.164", "from": "phone"},
            {"namespace": "crm", "from": "member_id"},
            {"namespace": "crm", "from": "attributes.crm"},
        ]
    ),
)
def test_no_plain_address_and_no_plain_number_ever_leaves(
    person: dict[str, str], identity: dict[str, str]
) -> None:
    """
    Wherever upstream puts them: into identities, attributes or the id of the member.
    """
    plain = [person["email"], person["email"].lower(), person["phone"], person["phone"][1:]]
    sources = ["member_id", "attributes.crm"]
    for value in (*person.values(), *map(" call {} ".format, person.values())):
        said = change(identities=[person], member_id=value, attributes={"crm": value})
        for ids, source in product(("as_is", "sha256"), sources):
            one = target(identity=identity, columns=[{"name": "c", "from": source}])
            found = rendered(said, one, settings(member_ids=ids))
            shown = repr(found)

            assert not any(one in shown for one in plain)


class TestConsent:
    """
    The judgement is Amazon's, with Adobe's own vendor and purposes.
    """

    def test_whoever_lives_where_a_signal_is_due_is_not_added_without_one(self) -> None:
        assert rendered(change(country="DE")) == Withheld("consent_missing")
        assert rendered(change(country=None)) == Withheld("consent_missing")
        assert isinstance(rendered(change(country="US")), Rendered)

    def test_a_tc_string_must_grant_adobe_and_not_amazon(self) -> None:
        adobe = {"tcf": tc_string(purposes={1, 3, 4}, vendors={565})}
        amazon = {"tcf": tc_string(purposes={1, 3, 4}, vendors={793})}

        assert isinstance(rendered(change(country="DE", consent=adobe)), Rendered)
        assert rendered(change(country="DE", consent=amazon)) == Withheld("consent_denied")

    def test_a_denial_comes_before_anything_that_would_make_a_dead_letter(self) -> None:
        denied = {"amazon": {"ad_storage": "DENIED", "user_data": "GRANTED"}}

        found = rendered(change(member_id="a b", consent=denied, country="US"))

        assert found == Withheld("consent_denied")

    def test_consent_for_amazon_is_no_consent_for_adobe_unless_somebody_says_so(self) -> None:
        flags = {"amazon": {"ad_storage": "GRANTED", "user_data": "GRANTED"}}
        said = change(country="DE", consent=flags)

        assert rendered(said) == Withheld("consent_missing")
        counting = settings(consent={"amazon_flags": "count"})
        assert isinstance(rendered(said, None, counting), Rendered)

    @pytest.mark.parametrize("country", ["US", "DE", "UK", "", "XX", None])
    @pytest.mark.parametrize("signal", [None, "denied", "granted"])
    def test_both_partners_judge_alike_where_their_needs_are_alike(
        self, country: str | None, signal: str | None
    ) -> None:
        both = tc_string(purposes={1, 3, 4}, vendors={565, 793})
        neither = tc_string(purposes={1}, vendors=set())
        consent = None if signal is None else {"tcf": both if signal == "granted" else neither}
        said = change(country=country, consent=consent)

        at_amazon = AMAZON_ADS.renderer(
            amazon_settings().model_copy(update={"unsupported_country": "send_without_country"}),
            amazon_target(),
        )(said, None)

        at_adobe = rendered(said)
        assert isinstance(at_adobe, Withheld) == isinstance(at_amazon, Withheld)
        if isinstance(at_adobe, Withheld):
            assert at_adobe == at_amazon
