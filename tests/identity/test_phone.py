import re
import subprocess
import sys
from itertools import product
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.identity.normalize.phone import common_forms, phone_digits, possible_number

_CODES = {
    "AE": "971", "AU": "61", "BE": "32", "BR": "55", "CA": "1", "DE": "49", "EG": "20",
    "ES": "34", "FR": "33", "GB": "44", "IN": "91", "IT": "39", "JP": "81", "MX": "52",
    "NL": "31", "PL": "48", "SA": "966", "SE": "46", "SG": "65", "TR": "90", "US": "1",
}  # fmt: skip
_USUAL = {
    "AE": "50 123 4567", "AU": "0412 345 678", "BE": "0470 12 34 56", "BR": "11 91234-5678",
    "CA": "(416) 555-0134", "DE": "0151 23456789", "EG": "0100 123 4567", "ES": "612 345 678",
    "FR": "06 12 34 56 78", "GB": "07911 123456", "IN": "098765 43210", "IT": "347 123 4567",
    "JP": "090-1234-5678", "MX": "55 1234 5678", "NL": "06 12345678", "PL": "512 345 678",
    "SA": "050 123 4567", "SE": "070-123 45 67", "SG": "8123 4567", "TR": "0532 123 45 67",
    "US": "+1 (206) 555-0100",
}  # fmt: skip


@st.composite
def written_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A number as people write them, right or wrong, and a country that may not be its own."""
    country = draw(st.sampled_from(sorted(_CODES)))
    code = draw(st.sampled_from([_CODES[country]] * 4 + sorted(_CODES.values())))
    dialled = ["", "", "", "0", "1", "+", "+", "00", "011", "0011", "010", "0081", "+0", "90", "18"]
    prefix = draw(st.sampled_from(dialled))
    between = draw(st.sampled_from(["", "0", "(0)", "1"])) if draw(st.booleans()) else ""
    national = draw(st.text("0123456789", min_size=2, max_size=14))
    tail = draw(
        st.sampled_from(["", "", "", "", " ext. 12", "x5", "#", " - ", ";ext=3", "/x2", "A"])
    )
    middle = code + between if prefix.endswith(("+", "00", "011", "010")) else between
    spaced = "".join(draw(st.sampled_from(["", "", " ", "-", ".", "/"])) + d for d in national)
    return prefix + middle + spaced + tail, country


@settings(max_examples=1500)
@given(written_numbers())
@example(("0106564390", "JP"))  # a trunk zero and a 10 are the digits for abroad
@example(("3934567890", "IT"))
@example(("9184465005", "IN"))
@example(("4915123456789", "DE"))
@example(("1800201234", "GB"))
def test_the_short_cut_answers_as_libphonenumber_does(written: tuple[str, str]) -> None:
    value, country = written
    short = common_forms(country)(value)

    assert short is None or short.decode() == possible_number(value, country)


@pytest.mark.parametrize("country", sorted(_CODES))
def test_the_short_cut_agrees_for_every_beginning_of_four_digits(country: str) -> None:
    """
    What a number means turns on its first digits and its length, so these are swept, not sampled.
    """
    random = Random(country)
    code = _CODES[country]
    for first in range(0, 10_000, 3):
        digits = f"{first:04d}" + "".join(
            random.choices("0123456789", k=random.choice([4, 5, 6, 7]))
        )
        value = random.choice(["", "", "0", f"+{code}", f"00{code}", code]) + digits
        short = common_forms(country)(value)

        assert short is None or short.decode() == possible_number(value, country), value


@pytest.mark.parametrize("country", sorted(_CODES))
def test_the_usual_ways_to_write_a_number_take_the_short_cut(country: str) -> None:
    usual = _USUAL[country]
    national = re.sub(r"\D", "", usual.removeprefix("+1"))
    abroad = "+" + _CODES[country] + " " + (national if country == "IT" else national.lstrip("0"))

    assert common_forms(country)(usual) == common_forms(country)(abroad) is not None


@pytest.mark.parametrize(("country", "other"), list(product(["US", "DE"], sorted(_USUAL))))
def test_a_plus_makes_a_number_independent_of_the_records_country(country: str, other: str) -> None:
    number = "+" + phone_digits(_USUAL[other], other)

    assert common_forms(country)(number) == number[1:].encode()


@pytest.mark.parametrize(
    ("value", "country", "digits"),
    [
        ("+1 206 555 0100 ext. 7", "US", "12065550100"),
        ("1 800 FLOWERS", "US", "18003569377"),
        ("+44 (0)7911 123456", "GB", "447911123456"),
        ("٠٦١٢٣٤٥٦٧٨", "FR", "33612345678"),
        ("0612345678", None, ""),
        ("0612345678", "XX", ""),
        ("12", "US", ""),
        ("2" * 300, "US", ""),
        ("+1" + " " * 300 + "2065550100", "US", ""),
        ("hello", "US", ""),
    ],
)
def test_what_is_not_common_is_asked_of_libphonenumber(
    value: str, country: str | None, digits: str
) -> None:
    assert digits == phone_digits(value, country)
    assert common_forms(country)(value) is None


def test_importing_the_rules_does_not_import_libphonenumber() -> None:
    code = "import sys, pipeline.identity.hashing; sys.exit('phonenumbers' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
