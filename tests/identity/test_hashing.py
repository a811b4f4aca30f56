from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.hashing import FieldHasher, hashed
from pipeline.identity.normalize.fields import FIELDS, Field

_SAME: dict[Field, str] = {field: field for field in FIELDS}
_ANA = {"email": "ana@example.com", "first_name": "Ana", "city": "Seattle", "state": "WA"}

values = (
    st.text(max_size=30)
    | st.text(alphabet="aA1é- .,/#@", max_size=30)
    | st.sampled_from(
        [
            "12 Main Street, Apt 5", "C/ Mayor # 7", "V.le Europa 3", "n/a", "ab" * 32, "AB" * 32,
            "ab" * 16, "ana@example.com", "+1 206 555 0100", "SÃO PAULO", "İ K ß", "98101-1234",
            "a\u00a0street\u2003road", "x" * 200, "street " * 40,
        ]
    )
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from([*FIELDS, "shoe_size"]), values), max_size=6),
    st.sampled_from([None, "US", "GB", "ES", "TR", "JP", "CH"]),
    st.integers(1, 4),
)
def test_the_hasher_answers_as_the_rules_do_however_little_it_remembers(
    identities: list[dict[str, str]], country: str | None, remembered: int
) -> None:
    hasher = FieldHasher(_SAME, remembered=remembered)

    for identity in identities * 2:
        expected = {
            field: digest
            for field in FIELDS
            if field in identity and (digest := hashed(field, identity[field], country))
        }
        assert expected == hasher.hashes(identity, country)


@given(st.lists(st.text("abcdeé ", max_size=80), max_size=60))
def test_a_table_never_holds_more_than_it_may_nor_long_values(names: list[str]) -> None:
    hasher = FieldHasher(_SAME, remembered=8)

    for name in names:
        hasher.hashes(dict.fromkeys(("first_name", "city", "address", "state"), name), "US")

        assert all(len(memo) <= 8 for memo in hasher._memos.values())
        assert all(len(value) <= 64 for memo in hasher._memos.values() for value in memo)


def test_one_countrys_answers_are_not_anothers() -> None:
    hasher = FieldHasher(_SAME)
    identity = {"postal": "98101-1", "address": "5 C Mayor", "state": "Wien", "phone": "612345678"}

    for country in ("US", "ES", "GB", None, "TR", "US"):
        expected = {
            field: digest
            for field in FIELDS
            if field in identity and (digest := hashed(field, identity[field], country))
        }
        assert expected == hasher.hashes(identity, country)


def test_the_fields_are_called_what_the_partner_calls_them() -> None:
    hasher = FieldHasher(_SAME | {"first_name": "fn"})

    assert list(hasher.hashes(_ANA, "US")) == ["email", "fn", "city", "state"]


def test_the_hasher_shows_nothing_of_what_it_remembers() -> None:
    hasher = FieldHasher(_SAME)
    hasher.hashes(_ANA, "US")

    assert "Seattle" not in repr(hasher)
