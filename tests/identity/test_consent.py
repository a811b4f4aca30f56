from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Rendered, Withheld
from pipeline.identity.consent import ConsentNeeds, Residence, Signal, judged
from pipeline.identity.countries import CONSENT_COUNTRIES
from tests.fakes.consents import DENYING_GPP, DENYING_TCF, gpp
from tests.fakes.consents import GRANTING_GPP as GPP
from tests.fakes.consents import GRANTING_TCF as TCF
from tests.identity.test_tc_string import GARBAGE, PUBLISHED

EUROPE = Residence(needs_signal=True, is_united_states=False)
ELSEWHERE = Residence(needs_signal=False, is_united_states=False)
AMERICA = Residence(needs_signal=False, is_united_states=True)
UNKNOWN = Residence(needs_signal=True, is_united_states=None)
NEEDS = ConsentNeeds(vendor=793, purposes=(1, 3, 4))
PARTNER_JUDGES = ConsentNeeds(vendor=793, purposes=(1, 3, 4), judge=False)

STAYED_IN = "CFQqAAAAAABA.QA"  # a section of the United States: nobody opted out
OPTED_OUT = "CFQaAAAAAABA.QA"
GRANTED = {"ad_storage": "GRANTED", "user_data": "GRANTED"}

# What a member may have said, with what an add takes from it: a kind of signal, a denial, nothing.
SIGNALS: dict[str, tuple[dict[str, object] | None, str | None]] = {
    "no consent object": (None, None),
    "an empty one": ({}, None),
    "tcf": ({"tcf": TCF}, "tcf"),
    "tcf with segments": ({"tcf": TCF + ".YAAAAAAAAAAA"}, "tcf"),
    "tcf version 1": ({"tcf": "BOyRmX5OyRmX5AAAAAENAAAAAAAAoAAA"}, None),
    "tcf that is a word": ({"tcf": "CONSENTED"}, None),
    "tcf that is a word of denial": ({"tcf": "CONSENT_DENIED"}, None),
    "tcf cut short": ({"tcf": TCF[:13]}, None),
    "tcf that denies": ({"tcf": DENYING_TCF}, "denied"),
    "tcf between blanks": ({"tcf": f" {TCF}\n"}, "tcf"),
    "tcf of a million characters": ({"tcf": TCF + "A" * 1_000_000}, None),
    "tcf that is a list": ({"tcf": [TCF]}, None),
    "tcf that denies beside a gpp that grants": ({"tcf": DENYING_TCF, "gpp": GPP}, "denied"),
    "tcf that denies beside flags": ({"tcf": DENYING_TCF, "amazon": GRANTED}, "denied"),
    "tcf that grants beside a gpp that denies": ({"tcf": TCF, "gpp": DENYING_GPP}, "denied"),
    "gpp that denies": ({"gpp": DENYING_GPP}, "denied"),
    "gpp that is a word of denial": ({"gpp": "DB_x~DENIED"}, None),
    "gpp whose section is cut short": ({"gpp": GPP[:30]}, None),
    "gpp whose section is a word": ({"gpp": "DBABMA~DENIED"}, None),
    "gpp whose section is empty": ({"gpp": "DBABMA~"}, None),
    "gpp of a million characters": ({"gpp": "DBABMA~" + "A" * 1_000_000}, None),
    "gpp of europe and america": ({"gpp": gpp({2: TCF, 7: STAYED_IN})}, "gpp"),
    "tcf that is no text": ({"tcf": True}, None),
    "gpp": ({"gpp": GPP}, "gpp"),
    "gpp without a section": ({"gpp": "DBAA"}, None),
    "gpp that is garbage": ({"gpp": "yes"}, None),
    "both flags": ({"amazon": GRANTED}, "amazon"),
    "both flags in small letters": (
        {"amazon": {"ad_storage": "granted", "user_data": " Granted "}},
        "amazon",
    ),
    "one flag only": ({"amazon": {"user_data": "GRANTED"}}, None),
    "flags misspelled": ({"amazon": {"ad_storage": "GRANT", "user_data": "GRANTED"}}, None),
    "flags as booleans": ({"amazon": {"ad_storage": True, "user_data": True}}, None),
    "flags not applicable": (
        {"amazon": {"ad_storage": "NOT_APPLICABLE", "user_data": "UNKNOWN"}},
        None,
    ),
    "flags of a wrong shape": ({"amazon": "GRANTED"}, None),
    "user data denied": ({"amazon": {"ad_storage": "GRANTED", "user_data": "DENIED"}}, "denied"),
    "storage denied": ({"amazon": {"ad_storage": "denied", "user_data": "GRANTED"}}, "denied"),
    "one denied, the other absent": ({"amazon": {"user_data": "DENIED"}}, "denied"),
    "tcf beside a denial": ({"tcf": TCF, "amazon": {"user_data": "DENIED"}}, "denied"),
    "all three": ({"amazon": GRANTED, "gpp": GPP, "tcf": TCF}, "tcf"),
    "gpp and flags": ({"amazon": GRANTED, "gpp": GPP}, "gpp"),
    "bad tcf, good gpp": ({"tcf": "no", "gpp": GPP}, "gpp"),
    "bad tcf, good flags": ({"tcf": "", "amazon": GRANTED}, "amazon"),
}
# A country as upstream may write it, with whether its members need a signal.
COUNTRIES: dict[str | None, bool] = {
    "DE": True, "de": True, "GB": True, "UK": True, "NO": True, "CH": True, "AT": True,
    "US": False, "us": False, "BR": False, "NZ": False,
    None: True, "": True, "Germany": True,
}  # fmt: skip


def _change(action: Action, country: str | None, consent: object) -> MembershipChange:
    assert consent is None or isinstance(consent, dict)
    return MembershipChange("vip", action, "u-1", country, [{"email": "a@b.co"}], consent, 1)


@pytest.mark.parametrize(("country", "said"), list(product(COUNTRIES, SIGNALS)))
def test_every_country_signal_and_action_ends_as_the_rule_says(
    country: str | None, said: str
) -> None:
    consent, taken = SIGNALS[said]
    renderer = RecordRenderer(unsupported_country="send_without_country")

    added = renderer.render(_change("add", country, consent), None)
    removed = renderer.render(_change("remove", country, consent), None)

    assert isinstance(removed, Rendered)
    assert b"onsent" not in removed.value
    if taken == "denied":
        assert added == Withheld("consent_denied")
    elif taken is None and COUNTRIES[country]:
        assert added == Withheld("consent_missing")
    else:
        assert isinstance(added, Rendered)
        assert (taken is not None) == (b'"userConsent"' in added.value)


@pytest.mark.parametrize("country", sorted(CONSENT_COUNTRIES))
def test_every_country_of_the_list_needs_a_signal(country: str) -> None:
    assert RecordRenderer().render(_change("add", country, None), "US") == Withheld(
        "consent_missing"
    )


@pytest.mark.parametrize("said", SIGNALS)
@pytest.mark.parametrize("residence", [EUROPE, ELSEWHERE, AMERICA, UNKNOWN])
def test_a_verdict_is_a_signal_a_reason_or_nothing(said: str, residence: Residence) -> None:
    consent, taken = SIGNALS[said]
    verdict = judged(consent, residence, NEEDS)

    match verdict:
        case Signal(kind, text):
            assert kind == taken
            assert (text == "") == (kind == "amazon")
        case Withheld(reason):
            assert reason == ("consent_denied" if taken == "denied" else "consent_missing")
            assert taken == "denied" or residence.needs_signal
        case None:
            assert taken is None
            assert not residence.needs_signal


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("residence", [EUROPE, ELSEWHERE, AMERICA, UNKNOWN])
def test_a_string_that_says_no_is_a_no_alone_and_inside_another(
    name: str, residence: Residence
) -> None:
    text, granted = PUBLISHED[name]

    for consent in ({"tcf": text}, {"gpp": gpp({2: text})}, {"gpp": gpp({2: text, 7: STAYED_IN})}):
        verdict = judged(consent, residence, NEEDS)
        assert isinstance(verdict, Signal) if granted else verdict == Withheld("consent_denied")


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_string_is_a_missing_signal(name: str) -> None:
    for consent in ({"tcf": GARBAGE[name]}, {"gpp": f"DBABMA~{GARBAGE[name]}"}):
        assert judged(consent, EUROPE, NEEDS) == Withheld("consent_missing")
        assert judged(consent, UNKNOWN, NEEDS) == Withheld("consent_missing")
        assert judged(consent, ELSEWHERE, NEEDS) is None
        assert isinstance(judged(consent | {"amazon": GRANTED}, EUROPE, NEEDS), Signal)


# What the sections of the United States say, with what becomes of an add in Europe, in the United
# States, elsewhere, and where it is unknown where.
AMERICAN: dict[str, tuple[dict[int, str], tuple[str, str, str, str]]] = {
    "nobody opted out": ({7: STAYED_IN}, ("missing", "gpp", "gpp", "missing")),
    "opted out": ({7: OPTED_OUT}, ("missing", "denied", "gpp", "denied")),
    "of targeted advertising": ({10: "BFkAAEA.QA"}, ("missing", "denied", "gpp", "denied")),
    "of sharing": ({8: "BUkAAABA.QA"}, ("missing", "denied", "gpp", "denied")),
    "by the browser": ({7: "CFQqAAAAAABA.YA"}, ("missing", "denied", "gpp", "denied")),
    "by the older string": ({6: "1YYN"}, ("missing", "denied", "gpp", "denied")),
    "in one of two": ({7: STAYED_IN, 8: "BUYAAABA"}, ("missing", "denied", "gpp", "denied")),
    "and granted in Europe": ({2: TCF, 7: OPTED_OUT}, ("gpp", "denied", "gpp", "denied")),
    "and denied in Europe": ({2: DENYING_TCF, 7: STAYED_IN}, ("denied",) * 4),
    "beside a broken section": ({2: "x", 7: OPTED_OUT}, ("missing", "denied", "none", "denied")),
    "cut short": ({7: "CFQa"}, ("missing", "none", "none", "missing")),
    "of no known region": ({5: "x", 40: "1YYN"}, ("missing", "gpp", "gpp", "missing")),
}


@pytest.mark.parametrize("said", AMERICAN)
def test_the_sections_of_the_united_states_speak_of_its_members_alone(said: str) -> None:
    sections, expected = AMERICAN[said]
    names: dict[object, str] = {
        None: "none",
        Withheld("consent_denied"): "denied",
        Withheld("consent_missing"): "missing",
        Signal("gpp", gpp(sections)): "gpp",
    }

    verdicts = [
        judged({"gpp": gpp(sections)}, residence, NEEDS)
        for residence in (EUROPE, AMERICA, ELSEWHERE, UNKNOWN)
    ]

    assert expected == tuple(names[verdict] for verdict in verdicts)


def test_where_the_united_states_need_a_signal_their_own_section_is_one() -> None:
    strict = Residence(needs_signal=True, is_united_states=True)

    assert isinstance(judged({"gpp": gpp({7: STAYED_IN})}, strict, NEEDS), Signal)
    assert isinstance(judged({"gpp": GPP}, strict, NEEDS), Signal)
    assert judged({"gpp": gpp({7: OPTED_OUT})}, strict, NEEDS) == Withheld("consent_denied")
    assert judged({"gpp": gpp({7: "CFQa"})}, strict, NEEDS) == Withheld("consent_missing")
    assert judged({"gpp": gpp({40: "x"})}, strict, NEEDS) == Withheld("consent_missing")


@pytest.mark.parametrize(("vendor", "purposes"), [(794, (1,)), (793, (2, 5)), (1, (1, 3, 4))])
def test_the_vendor_and_its_purposes_are_the_partners(
    vendor: int, purposes: tuple[int, ...]
) -> None:
    needs = ConsentNeeds(vendor=vendor, purposes=purposes)

    assert judged({"tcf": TCF}, EUROPE, needs) == Withheld("consent_denied")


def test_a_partner_that_judges_itself_gets_every_string_that_decodes() -> None:
    for consent in ({"tcf": DENYING_TCF}, {"gpp": DENYING_GPP}):
        assert isinstance(judged(consent, EUROPE, PARTNER_JUDGES), Signal)
    for garbage in GARBAGE.values():
        missing = judged({"tcf": garbage}, EUROPE, PARTNER_JUDGES)
        assert missing == Withheld("consent_missing")


consents = st.dictionaries(
    st.sampled_from(["tcf", "gpp", "amazon", "other"]),
    st.none() | st.booleans() | st.text(max_size=8) | st.dictionaries(
        st.sampled_from(["ad_storage", "user_data"]), st.none() | st.text(max_size=8)
    ),
)  # fmt: skip


@given(consents)
def test_nothing_made_up_counts_as_consent(consent: dict[str, object]) -> None:
    verdict = judged(consent, EUROPE, NEEDS)

    assert isinstance(verdict, Withheld)


def test_a_signal_keeps_its_string_out_of_its_repr() -> None:
    assert TCF not in repr(judged({"tcf": TCF}, EUROPE, NEEDS))
