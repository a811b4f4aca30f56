import json
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.identity.countries import CONSENT_COUNTRIES, country_code
from pipeline.identity.hashing import hashed
from pipeline.identity.normalize.digests import hashed_already
from pipeline.identity.normalize.fields import FIELDS, Field, field_named
from pipeline.identity.normalize.profile import normalize
from pipeline.identity.normalize.tables import COUNTRIES, TableError, inverted

_GOLDEN = Path(__file__).parent / "golden" / "normalization.jsonl"
_ROWS = [json.loads(line) for line in _GOLDEN.read_text("utf-8").splitlines()]
_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_ALPHABETS: dict[Field, str] = {
    **dict.fromkeys(FIELDS, string.ascii_lowercase + string.digits),
    "email": string.ascii_lowercase + string.digits + ".@_-",
    "phone": string.digits,
    "first_name": string.ascii_lowercase,
    "last_name": string.ascii_lowercase,
}

countries = st.sampled_from([None, "CH", "JP", *COUNTRIES])
plain_text = st.text(max_size=40) | st.text(
    alphabet="aAéß\u0131İ\u212a\uff211-. @/,#straße", max_size=40
)


@pytest.mark.parametrize("field", FIELDS)
def test_every_golden_row_holds(field: Field) -> None:
    rows = [row for row in _ROWS if field_named(row["field"]) == field]

    assert rows
    for row in rows:
        assert row["normalized"] == normalize(field, row["input"], row["country"]), row
        assert row["sha256"] == hashed(field, row["input"], row["country"]), row


@given(st.sampled_from(FIELDS), plain_text, countries)
def test_a_normalised_value_holds_nothing_but_its_alphabet(
    field: Field, value: str, country: str | None
) -> None:
    normalized = normalize(field, value, country)

    assert normalized is None or (normalized and set(normalized) <= set(_ALPHABETS[field]))


# Not for addresses, whose joined words can form a new one ("str eet"), nor for phones, whose
# plus is gone: 49 30 ... is also a possible number inside Germany.
_LASTING: tuple[Field, ...] = ("email", "first_name", "last_name", "city", "state", "postal")


@given(st.sampled_from(_LASTING), plain_text, countries)
@example("postal", "9021-0123456", "US")
@example("state", "İstanbul", "TR")
@example("email", "İ@EXAMPLE.com", None)
def test_normalising_twice_changes_nothing(field: Field, value: str, country: str | None) -> None:
    once = normalize(field, value, country)

    assert once is None or once == normalize(field, once, country)


@given(plain_text.map(lambda rest: "+1206555" + rest))
def test_a_phone_with_its_plus_back_normalises_to_itself(value: str) -> None:
    once = normalize("phone", value, None)

    assert once is None or once == normalize("phone", "+" + once, "DE")


@given(st.sampled_from(FIELDS), plain_text | st.sampled_from(["", " ", "\t", "é", _OF_NOTHING]))
@example("email", _OF_NOTHING.upper())
def test_no_field_ever_hashes_the_empty_string(field: Field, value: str) -> None:
    assert hashed(field, value, "US") != _OF_NOTHING


@pytest.mark.parametrize("field", FIELDS)
def test_a_sha256_passes_in_small_letters_and_is_not_hashed_again(field: Field) -> None:
    digest = "AB" * 32

    assert "ab" * 32 == hashed(field, f" {digest}\n", "US") == normalize(field, digest, "US")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("length", [32, 40, 56, 96, 128])
def test_digests_of_other_kinds_are_left_out(field: Field, length: int) -> None:
    assert hashed(field, "5d" * (length // 2), "US") is None


def test_sixty_four_characters_that_are_no_hexadecimal_are_plain() -> None:
    assert hashed_already("g" * 64) is None
    assert normalize("city", "g" * 64, None) == "g" * 64


@pytest.mark.parametrize(
    ("value", "country", "code"),
    [
        ("Baden-Württemberg", "DE", "bw"),
        ("Baden-Wurttemberg", "DE", "bw"),
        ("São Paulo", "BR", "sp"),
        ("Goiás", "BR", "go"),
        ("Nuevo León", "MX", "nl"),
        ("Île-de-France", "FR", "if"),
        ("Québec", "CA", "qc"),
        ("Diyarbak\u0131r", "TR", "21"),
        ("Düzce", "TR", "81"),
        ("Eskişehir", "TR", "26"),
        ("A Coruña", "ES", "c"),
        ("West Virginia", "US", "wv"),
        ("Texas", None, "tx"),
        ("Texas", "GB", "tx"),
        ("East Virginia", "US", "ea"),
    ],
)
def test_a_state_is_found_by_its_letters(value: str, country: str | None, code: str) -> None:
    assert code == normalize("state", value, country)


def test_a_word_under_two_entries_of_one_table_is_refused_by_its_place() -> None:
    with pytest.raises(TableError, match=r"xx.words: 'road'"):
        inverted({"rd": ["road"], "ro": ["road"]}, "xx.words")


@pytest.mark.parametrize(
    ("name", "field"),
    [("firstname", "first_name"), ("First_Name", "first_name"), ("postal", "postal")],
)
def test_a_field_is_known_under_both_spellings(name: str, field: Field) -> None:
    assert field == field_named(name)


def test_an_unknown_field_is_none() -> None:
    assert field_named("shoe_size") is None


@pytest.mark.parametrize(
    ("written", "code"),
    [("de", "DE"), (" Gb ", "GB"), ("UK", "GB"), ("XX", None), ("USA", None), ("", None)],
)
def test_a_country_is_its_iso_code_or_none(written: str, code: str | None) -> None:
    assert code == country_code(written)


def test_consent_is_asked_in_thirty_two_countries() -> None:
    assert len(CONSENT_COUNTRIES) == 30 + 2
    assert all(country_code(code) == code for code in CONSENT_COUNTRIES)
