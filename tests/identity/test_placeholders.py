"""What is nobody's value is left out, plain or hashed; what only looks so stays."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.hashing import FieldHasher, hashed
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.phone import common_forms
from pipeline.identity.normalize.placeholders import _WORDS, NOBODYS
from pipeline.identity.normalize.profile import normalize

_HASHER = FieldHasher({field: field for field in FIELDS})
_EVERYWHERE = [
    "N/A", "undefined", "Undefined", "UNDEFINED", "null", "NULL", "none", "None", "NONE",
    "[object Object]", "[object object]", "[object Undefined]", "unknown", "Unknown", "UNKNOWN",
    "NaN", "nan", "#N/A", "(null)", "<null>", "[null]", "(none)", "'null'", '"null"', " null ",
    "not available", "Not Available", "NOT_AVAILABLE", "not-provided", "Not  Provided", "(not set)",
    "not specified", "no data", "missing", "Missing", "empty", "(empty)", "test", "TEST", "xxx",
    "XXXX", "tbd", "TBA", "n.a.", "N.A.", "N / A", "#VALUE!", "#REF!", "#NULL!", "-", "--", "---",
    "?", "???", ".", "*", "\u2014", "", "   ", "Unbekannt", "keine Angabe", "inconnu",
]  # fmt: skip
_TEMPLATES = [
    "{{first_name}}",
    "{{ contact.city }}",
    "${name}",
    "{% name %}",
    "*|FNAME|*",
    "%%zip%%",
]


def _both(field: Field, value: str, country: str | None = "US") -> str | None:
    digest = hashed(field, value, country)
    assert _HASHER.hashes({field: value}, country) == ({field: digest} if digest else {})
    return digest


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", _EVERYWHERE)
def test_a_placeholder_is_left_out_of_every_field(field: Field, value: str) -> None:
    for country in ("US", "IT", "JP", None):
        assert _both(field, value, country) is None
        assert normalize(field, value, country) is None


@pytest.mark.parametrize("field", ["first_name", "last_name", "city", "state", "postal", "email"])
@pytest.mark.parametrize("value", _TEMPLATES)
def test_a_template_that_nobody_filled_in_is_left_out(field: Field, value: str) -> None:
    assert _both(field, value) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_name", "First Name"), ("first_name", "FNAME"), ("first_name", "first_name"),
        ("first_name", "Test"), ("first_name", "Null"), ("first_name", "Anonymous"),
        ("first_name", "n/a"), ("first_name", "unknown!"), ("first_name", "*undefined*"),
        ("last_name", "Last Name"), ("last_name", "surname"), ("last_name", "anonymous"),
        ("email", "none@none.com"), ("email", "NULL@null.com"), ("email", "na@na.com"),
        ("email", "noemail@noemail.com"), ("email", " unknown@unknown.com "),
        ("city", "City"), ("city", "n/a"), ("city", "town"),
        ("state", "State"), ("state", "n/a"), ("state", "Other"), ("state", "province"),
        ("postal", "00000"), ("postal", "00000-0000"), ("postal", "0"), ("postal", "zip code"),
        ("postal", "n/a"), ("address", "n/a"), ("address", "n/a."), ("address", "No Address"),
        ("address", "Street Address"), ("address", "unknown."), ("address", "Null"),
        ("phone", "0000000000"), ("phone", "+1 000 000 0000"),
    ],
)  # fmt: skip
def test_what_makes_sense_for_one_field_is_left_out_of_it(field: Field, value: str) -> None:
    assert _both(field, value) is None


@pytest.mark.parametrize(
    ("field", "value", "normalized"),
    [
        ("last_name", "Null", "null"), ("last_name", "Test", "test"), ("last_name", "Nil", "nil"),
        ("last_name", "Nan", "nan"), ("last_name", "Na", "na"), ("last_name", "NA", "na"),
        ("last_name", "n/a", "na"),  # as the partner's examples have it
        ("last_name", "Blank", "blank"), ("last_name", "Nullmann", "nullmann"),
        ("last_name", "Testa", "testa"), ("last_name", "Value", "value"),
        ("last_name", "Unknowne", "unknowne"),
        ("last_name", "O'None", "onone"), ("last_name", "Guest", "guest"),
        ("first_name", "Nan", "nan"), ("first_name", "Nil", "nil"), ("first_name", "Na", "na"),
        ("first_name", "Nona", "nona"), ("first_name", "X", "x"), ("first_name", "Al", "al"),
        ("city", "Nan", "nan"), ("city", "Test Valley", "testvalley"), ("city", "Y", "y"),
        ("state", "NA", "na"), ("state", "NO", "no"), ("state", "Nuevo Le\u00f3n", "nl"),
        ("state", "Unterfranken", "un"), ("state", "NU", "nu"),
        ("postal", "00001", "00001"), ("postal", "10000", "10000"), ("postal", "NA1", "na1"),
        ("address", "12 Unknown Road", "12unknownrd"), ("address", "1 Null Street", "1nullst"),
        ("address", "Test 5", "test5"), ("address", "None Such House", "nonesuchhouse"),
        ("email", "null@example.com", "null@example.com"), ("email", "na@none.com", "na@none.com"),
        ("email", "test@test.com", "test@test.com"),
    ],
)  # fmt: skip
def test_what_is_somebodys_stays(field: Field, value: str, normalized: str) -> None:
    assert normalize(field, value, None) == normalized
    assert _both(field, value, None) == sha256(normalized.encode()).hexdigest()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "value",
    ["N/A", "n/a", "undefined", "null", "NULL", "none", "None", "[object Object]", "unknown",
     "Unknown", "UNKNOWN", "NaN", "nan", "test", "not available", "-", ""],
)  # fmt: skip
def test_the_hash_of_a_placeholder_is_left_out_of_every_field(field: Field, value: str) -> None:
    digest = sha256(value.encode())

    for spelled in (digest.hexdigest(), digest.hexdigest().upper(), f"sha256:{digest.hexdigest()}"):
        assert _both(field, spelled) is None
        assert normalize(field, spelled, None) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "none@none.com"), ("postal", "00000"), ("phone", "0000000000"),
        ("phone", "+10000000000"), ("phone", "11234567890"), ("first_name", "objectobject"),
        ("city", "objectobject"), ("address", "na"), ("address", "notavailable"),
    ],
)  # fmt: skip
def test_so_is_the_hash_of_what_is_left_of_one(field: Field, value: str) -> None:
    assert _both(field, sha256(value.encode()).hexdigest()) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("last_name", "na"), ("last_name", "Null"), ("state", "na"), ("first_name", "Nan"),
     ("last_name", "nil".capitalize()), ("email", "test@test.com"), ("postal", "10000")],
)  # fmt: skip
def test_the_hash_of_what_is_somebodys_stays(field: Field, value: str) -> None:
    digest = sha256(value.encode()).hexdigest()

    assert _both(field, digest) == digest


_written = st.sampled_from(sorted({word for words in _WORDS.values() for word in words}))


@given(
    st.sampled_from(FIELDS),
    _written.flatmap(lambda word: st.sampled_from([word, word.upper(), word.title()])),
    st.sampled_from(["{}", " {} ", "({})", "{}!", "12 {}", "{}\u00a0", "\u2003{}", "{} {}", "{}-"]),
    st.sampled_from([None, "US", "IT", "ES", "GB"]),
)
def test_both_ways_agree_on_every_placeholder(
    field: Field, word: str, around: str, country: str | None
) -> None:
    _both(field, around.format(word, word), country)


@given(st.text(max_size=2000))
def test_text_of_any_kind_is_one_or_none_without_a_raise(value: str) -> None:
    for field in FIELDS:
        normalize(field, value, "US")


def test_no_common_form_of_a_phone_is_nobodys() -> None:
    assert not NOBODYS["phone"]
    assert common_forms("US")("0000000000") is None
