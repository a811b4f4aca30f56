"""Hashes of addresses and numbers as most partners match them."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identity.match_keys import email_digest, phone_digest, plain_data_in


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("written", "hashed"),
    [
        ("abc@example.com", "abc@example.com"),
        ("  ABC@Example.COM\n", "abc@example.com"),
        # Amazon's profile drops the plus and what is no ASCII.
        ("ana+news@example.com", "ana+news@example.com"),
        ("JOSÉ@example.com", "josé@example.com"),
    ],
)
def test_an_address_is_made_small_and_keeps_every_character(written: str, hashed: str) -> None:
    assert email_digest(written) == digest(hashed)


def test_the_digest_of_an_address_is_the_one_that_everybody_has() -> None:
    golden = "9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21"

    assert email_digest("Abc@example.com") == golden


def test_the_digest_of_a_number_is_that_of_e164_with_its_plus() -> None:
    golden = "b4fa1a0e9e520f7186de1a00b1b84abb55a5c7feab09e7c3b8059ca32a6abd4f"

    assert phone_digest("+1 (206) 555-0100", None) == golden
    assert phone_digest("206 555 0100", "US") == golden
    assert digest("+12065550100") == golden


@pytest.mark.parametrize("written", ["", "abc", "none@none.com", "n/a", "a@b", "a b@example.com"])
def test_what_is_no_address_or_nobodys_has_no_digest(written: str) -> None:
    assert email_digest(written) is None


@pytest.mark.parametrize("written", ["", "555", "0000000000", "206 555 0100"])
def test_what_is_no_number_without_a_country_has_no_digest(written: str) -> None:
    assert phone_digest(written, None) is None


@pytest.mark.parametrize("hashed", [email_digest, lambda value: phone_digest(value, "US")])
def test_what_upstream_hashed_is_taken_as_it_is_however_it_is_spelled(hashed: object) -> None:
    assert callable(hashed)
    whole = digest("somebody")
    raw = bytes.fromhex(whole)
    spellings = [whole, whole.upper(), f"0x{whole}", f"sha256:{b64encode(raw).decode()}"]

    assert [hashed(one) for one in spellings] == [whole] * len(spellings)


def test_the_digest_of_nothing_or_of_another_kind_is_no_identity() -> None:
    assert email_digest(digest("")) is None
    assert phone_digest("d41d8cd98f00b204e9800998ecf8427e", "US") is None


@given(st.text(max_size=40))
def test_no_plain_value_comes_out(value: str) -> None:
    """
    Whatever stands in the field, a digest or nothing does.
    """
    for found in (email_digest(value), phone_digest(value, "US")):
        assert found is None or (len(found) == 64 and set(found) <= set("0123456789abcdef"))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (" ana@example.com ", "an email address"),
        ("Ana Diaz <ana@example.com>", "an email address"),
        ("mailto:ana@example.com?subject=x", "an email address"),
        ("ana@example.com;ben@example.com", "an email address"),
        ("+12065550100", "a telephone number"),
        ("tel:+1 (206) 555-0100", "a telephone number"),
        ("call +44 20.7946.0018", "a telephone number"),
        ("gold@", None),
        ("meet @ 5.30", None),
        ("2025-05-23T20:19:00+05:30", None),
        ("2025-05-23T20:19:00+1000", None),
        ("+100", None),
        ("a+12345678", None),
    ],
)
def test_plain_personal_data_is_known_wherever_it_stands(value: str, plain: str | None) -> None:
    """
    Whatever the field is called that holds it.
    """
    assert plain_data_in(value) == plain
