r"""A value that upstream hashed already is recognised in every field, however it is spelled."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import md5, sha1, sha256, sha512

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.identity.hashing import FieldHasher, hashed
from pipeline.identity.normalize.digests import hashed_already
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.profile import normalize

_HASHER = FieldHasher({field: field for field in FIELDS})
_Spelling = Callable[[bytes], str]


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()


def _web_safe(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()


SPELLINGS: dict[str, _Spelling] = {
    "small letters": bytes.hex,
    "capitals": lambda raw: raw.hex().upper(),
    "both": lambda raw: raw.hex()[:20].upper() + raw.hex()[20:],
    "blanks around": lambda raw: f"  {raw.hex()}\t\n",
    "no-break space around": lambda raw: f"\u00a0{raw.hex()}\u00a0",
    "quotes": lambda raw: f'"{raw.hex()}"',
    "single quotes": lambda raw: f"'{raw.hex().upper()}'",
    "two quotes": lambda raw: f'""{raw.hex()}""',
    "blanks in quotes": lambda raw: f'" {raw.hex()} "',
    "curly quotes": lambda raw: f"\u201c{raw.hex()}\u201d",
    "bytes of Python": lambda raw: f"b'{raw.hex()}'",
    "literal of MySQL": lambda raw: f"X'{raw.hex().upper()}'",
    "0x": lambda raw: f"0x{raw.hex()}",
    "0X and capitals": lambda raw: f"0X{raw.hex().upper()}",
    "bytea of PostgreSQL": lambda raw: rf"\x{raw.hex()}",
    "bytea, escaped twice": lambda raw: rf"\\x{raw.hex()}",
    "bytea in quotes": lambda raw: rf'"\x{raw.hex()}"',
    "sha256:": lambda raw: f"sha256:{raw.hex()}",
    "SHA256: and a blank": lambda raw: f"SHA256: {raw.hex().upper()}",
    "sha256=": lambda raw: f"sha256={raw.hex()}",
    "sha-256 =": lambda raw: f"sha-256 = {raw.hex()}",
    "SHA_256:": lambda raw: f"SHA_256:{raw.hex()}",
    "sha256:0x": lambda raw: f"sha256:0x{raw.hex()}",
    "sha256 and quotes": lambda raw: f'sha256:"{raw.hex()}"',
    "pairs between dashes": lambda raw: raw.hex("-").upper(),
    "pairs between colons": lambda raw: raw.hex(":"),
    "base64": _base64,
    "web-safe base64": _web_safe,
    "base64 in quotes": lambda raw: f'"{_base64(raw)}"',
    "base64 and blanks": lambda raw: f" {_base64(raw)} ",
    "sha256:base64": lambda raw: f"sha256:{_base64(raw)}",
    "sha256-base64": lambda raw: f"sha256-{_base64(raw)}",
    "sha256:base64 without filling": lambda raw: f"sha256:{_web_safe(raw).rstrip('=')}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("country", ["US", "JP", None])
def test_a_sha256_is_passed_on_however_it_is_spelled(
    spelling: str, field: Field, country: str | None
) -> None:
    for person in (b"ana@example.com", b"bo@example.com", b"12 main street"):
        raw = sha256(person).digest()
        value = SPELLINGS[spelling](raw)

        assert hashed(field, value, country) == raw.hex() == normalize(field, value, country)
        assert _HASHER.hashes({field: value}, country) == {field: raw.hex()}


@given(st.binary(min_size=32, max_size=32), st.sampled_from(sorted(SPELLINGS)))
@example(bytes([251, 255] * 16), "base64")
@example(bytes([251, 255] * 16), "web-safe base64")
@example(sha256(b"5\xaa_\x89x").digest(), "base64")  # which begins with 0x
@example(b"\xab" * 32, "capitals")
@example(b"\xba" * 32, "small letters")
def test_every_sha256_is_recognised(raw: bytes, spelling: str) -> None:
    assert hashed_already(SPELLINGS[spelling](raw)) == raw.hex()


@given(st.binary(min_size=1, max_size=30).map(lambda text: sha256(text).digest()))
def test_base64_without_its_filling_is_recognised_if_it_is_like_no_word(raw: bytes) -> None:
    for text in (_base64(raw).rstrip("="), _web_safe(raw).rstrip("=")):
        is_mixed = any(map(str.isdigit, text)) and not text.islower() and not text.isupper()
        assert hashed_already(text) == (raw.hex() if is_mixed else None)


@pytest.mark.parametrize("make", [md5, sha1, sha512])
@pytest.mark.parametrize("field", FIELDS)
def test_a_digest_of_another_kind_is_left_out_however_it_is_spelled(
    make: Callable[[bytes], object], field: Field
) -> None:
    raw: bytes = make(b"ana@example.com").digest()  # type: ignore[attr-defined]
    spellings = ["small letters", "capitals", "quotes", "0x", "bytea of PostgreSQL"]
    spellings += ["pairs between dashes", "base64", "web-safe base64", "base64 in quotes"]

    for value in [SPELLINGS[spelling](raw) for spelling in spellings] + [
        f"{make.__name__.removeprefix('openssl_')}:{raw.hex()}",
        f"{make.__name__.removeprefix('openssl_')}:{_base64(raw)}",
    ]:
        assert hashed(field, value, "US") is None, value
        assert not _HASHER.hashes({field: value}, "US")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", FIELDS)
def test_the_digest_of_nothing_is_left_out_however_it_is_spelled(
    spelling: str, field: Field
) -> None:
    assert hashed(field, SPELLINGS[spelling](sha256(b"").digest()), "US") is None


@pytest.mark.parametrize(
    "value",
    [
        "g" * 64, "5d" * 31, "5d" * 33, "0x", r"\x", "sha256:", "sha256:abc", "0x1234", "x" * 43,
        "Donaudampfschifffahrtsgesellschaftsstrasse1",
        "DONAUDAMPFSCHIFFFAHRTSGESELLSCHAFTSSTRASSE1",
        "Llanfairpwllgwyngyllgogerychwyrndrobwllllan", "wolfeschlegelsteinhaus",
        "n/a/n/a/n/a/n/a/n/a/n/a",
        "ana.maria.de.la.cruz.y.fernandez@example.com", "12 main street apartment 17 second floor",
        "+1 206 555 0100 extension 12345678", "1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16", "=" * 44,
        "A" * 44, "A" * 42 + "==", "Main-Street-17-Building-B-Apartment-12-Left",
    ],
)  # fmt: skip
def test_a_plain_value_is_no_digest(value: str) -> None:
    assert hashed_already(value) is None


@given(
    st.text(max_size=100)
    | st.text("abAB09+/=-:x\\'\" ", min_size=20, max_size=140)
    | st.sampled_from(sorted(SPELLINGS)).map(lambda name: SPELLINGS[name](bytes(range(32))))
)
def test_text_of_any_kind_is_a_digest_or_none_without_a_raise(value: str) -> None:
    digest = hashed_already(value)

    assert not digest or (len(digest) == 64 and hashed_already(digest) == digest)


@given(
    st.lists(
        st.sampled_from(
            [
                *(SPELLINGS[name](bytes(range(32))) for name in SPELLINGS),
                '"',
                "'",
                "sha256",
                ":",
                "12",
            ]
        ),
        max_size=6,
    ),
    st.sampled_from(FIELDS),
)
def test_between_other_words_both_ways_agree_on_what_is_a_digest(
    words: list[str], field: Field
) -> None:
    value = " ".join(words)
    digest = hashed(field, value, "US")

    assert _HASHER.hashes({field: value}, "US") == ({field: digest} if digest else {})
