from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.rendering import RecordRenderer
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Rendered, Withheld
from pipeline.identity.consent import Signal, judged
from pipeline.identity.countries import CONSENT_COUNTRIES

TCF = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
GPP = "DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
GRANTED = {"ad_storage": "GRANTED", "user_data": "GRANTED"}

# What a member may have said, with what an add takes from it: a kind of signal, a denial, nothing.
SIGNALS: dict[str, tuple[dict[str, object] | None, str | None]] = {
    "no consent object": (None, None),
    "an empty one": ({}, None),
    "tcf": ({"tcf": TCF}, "tcf"),
    "tcf with segments": ({"tcf": TCF + ".YAAAAAAAAAAA"}, "tcf"),
    "tcf version 1": ({"tcf": "BOyRmX5OyRmX5AAAAAENAAAAAAAAoAAA"}, None),
    "tcf that is a word": ({"tcf": "CONSENTED"}, None),
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
@pytest.mark.parametrize("required", [True, False])
def test_a_verdict_is_a_signal_a_reason_or_nothing(said: str, required: bool) -> None:
    consent, taken = SIGNALS[said]
    verdict = judged(consent, required=required)

    match verdict:
        case Signal(kind, text):
            assert kind == taken
            assert (text == "") == (kind == "amazon")
        case Withheld(reason):
            assert reason == ("consent_denied" if taken == "denied" else "consent_missing")
            assert taken == "denied" or required
        case None:
            assert taken is None
            assert not required


consents = st.dictionaries(
    st.sampled_from(["tcf", "gpp", "amazon", "other"]),
    st.none() | st.booleans() | st.text(max_size=8) | st.dictionaries(
        st.sampled_from(["ad_storage", "user_data"]), st.none() | st.text(max_size=8)
    ),
)  # fmt: skip


@given(consents)
def test_nothing_made_up_counts_as_consent(consent: dict[str, object]) -> None:
    verdict = judged(consent, required=True)

    assert isinstance(verdict, Withheld)


def test_a_signal_keeps_its_string_out_of_its_repr() -> None:
    assert TCF not in repr(judged({"tcf": TCF}, required=True))
