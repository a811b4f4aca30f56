"""Records are written by hand for speed: they are, byte for byte, what the plain way gives."""

from collections.abc import Mapping, Sequence

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.destinations.amazon_ads.consent import NEEDS
from pipeline.destinations.amazon_ads.rendering import (
    AMAZON_NAMES,
    HASHED_DATA_COUNTRIES,
    RecordRenderer,
)
from pipeline.domain.change import Action, MembershipChange
from pipeline.domain.reasons import Rendered
from pipeline.identity.consent import Residence, Signal, judged
from pipeline.identity.countries import CONSENT_COUNTRIES, country_code
from pipeline.identity.hashing import hashed
from pipeline.identity.normalize.fields import FIELDS, Field
from tests.fakes.consents import DENYING_TCF
from tests.fakes.consents import GRANTING_TCF as _TCF

_GRANTED = {"amznAdStorage": "GRANTED", "amznUserData": "GRANTED"}
_ANA: dict[str, str] = {
    "email": "ana@example.com", "phone": "+1 206 555 0100", "first_name": "Ana",
    "last_name": "Diaz", "address": "1 Main Street", "city": "Seattle", "state": "WA",
    "postal": "98101",
}  # fmt: skip

_values = (
    st.sampled_from(
        [*_ANA.values(), "", " ", "ab" * 32, "AB" * 32, "ab" * 16, "\ud800", '"\\', "東京"]
    )
    | st.text(max_size=12)
    | st.text(st.characters(categories=["Cs", "Lu", "Po", "Zs", "Nd"]), max_size=12)
)
_whole = st.fixed_dictionaries({field: st.just(_ANA[field]) | _values for field in FIELDS})
_shuffled = _whole.flatmap(lambda whole: st.permutations(list(whole.items())).map(dict))
_sparse = st.dictionaries(st.sampled_from([*FIELDS, "shoe_size"]), _values, max_size=9)
_flags = st.dictionaries(
    st.sampled_from(["ad_storage", "user_data"]),
    st.sampled_from(["GRANTED", "granted ", "DENIED", "yes", None, 1]),
)
_consents = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "tcf": st.sampled_from([_TCF, f" {_TCF}.YAAAAAAAAAAA ", DENYING_TCF, "", "C", None, 7]),
        "gpp": st.sampled_from([f"DBABMA~{_TCF}", "DB", None]),
        "amazon": _flags | st.none(),
    },
)
_countries = st.none() | st.sampled_from(
    [*sorted(HASHED_DATA_COUNTRIES | CONSENT_COUNTRIES), "uk", "us", "NZ", "Germany", ""]
)


def _plain_identity(identity: Mapping[str, str], country: str | None) -> dict[str, str]:
    fields: Sequence[Field] = [field for field in FIELDS if field in identity]
    if len(fields) < len(FIELDS) or len(identity) > len(FIELDS):
        fields = sorted(fields, key=list(identity).index)
    hashes = {AMAZON_NAMES[field]: hashed(field, identity[field], country) for field in fields}
    return {name: digest for name, digest in hashes.items() if digest}


def _plain_record(change: MembershipChange) -> bytes:
    country = country_code(change.country) if change.country else None
    record: dict[str, object] = {"action": "DELETE"}
    if change.action == "add":
        record = {"action": "CREATE"}
        residence = Residence(
            country is None or country in CONSENT_COUNTRIES,
            None if country is None else country == "US",
        )
        if isinstance(signal := judged(change.consent, residence, NEEDS), Signal):
            given = {"amzn": _GRANTED} if signal.kind == "amazon" else {signal.kind: signal.text}
            geo = {"geo": {"countryCode": country}} if country else {}
            record["userConsent"] = {**geo, "consent": given}
    record["externalUserId"] = change.member_id
    identities = [_plain_identity(identity, country) for identity in change.identities]
    record["hashedPII"] = [identity for identity in identities if identity]
    if country in HASHED_DATA_COUNTRIES:
        record["countryCode"] = country
    return orjson.dumps(record)


@settings(max_examples=600)
@given(
    st.sampled_from(["add", "remove"]),
    _countries,
    st.lists(_whole | _shuffled | _sparse, max_size=3),
    _consents,
)
@example("add", "US", [_ANA], None)
@example("add", "US", [_ANA | {"city": "東京"}], None)
@example("remove", "DE", [_ANA, {"email": "ana@example.com"}, {}], None)
def test_a_record_is_byte_for_byte_the_plain_object(
    action: Action,
    country: str | None,
    identities: list[dict[str, str]],
    consent: dict[str, object] | None,
) -> None:
    change = MembershipChange("vip", action, "u-1_001", country, identities, consent, 1)
    renderer = RecordRenderer(unsupported_country="send_without_country")

    outcome = renderer.render(change, None)

    if isinstance(outcome, Rendered):
        assert outcome.value == _plain_record(change)
    elif action == "remove":
        assert not orjson.loads(_plain_record(change))["hashedPII"]
