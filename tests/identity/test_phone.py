import re
import subprocess
import sys
from itertools import product
from random import Random

import phonenumbers
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
    repeated = st.tuples(st.sampled_from("0123456789"), st.integers(6, 13)).map(
        lambda pair: pair[0] * pair[1]
    )
    counted = st.tuples(st.sampled_from("0123459"), st.integers(7, 12)).map(
        lambda pair: ("0123456789" * 3)[int(pair[0]) :][: pair[1]]
    )
    national = draw(st.text("0123456789", min_size=2, max_size=14) | st.one_of(repeated, counted))
    tail = draw(
        st.sampled_from(
            ["", "", "", "", " ext. 12", "x5", "#", " - ", ";ext=3", "/x2", "A", ".0", ".00", "E10"]
        )
    )
    middle = code + between if prefix.endswith(("+", "00", "011", "010")) else between
    spaced = "".join(draw(st.sampled_from(["", "", " ", "-", ".", "/"])) + d for d in national)
    return prefix + middle + spaced + tail, country


@settings(max_examples=1500)
@given(written_numbers())
@example(("819012345678.0", "JP"))
@example(("15123456789.0", "DE"))
@example(("5555555555", "US"))
@example(("+1 555 555 5555", "DE"))
@example(("9876543210", "US"))
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


_TOKYO, _SEATTLE, _MEXICO = "819012345678", "12065550100", "525512345678"


@pytest.mark.parametrize(
    ("value", "country", "digits"),
    [
        ("819012345678.0", "JP", _TOKYO),
        ("+819012345678.0", None, _TOKYO),
        ("819012345678.00", "JP", _TOKYO),
        ("819012345678.000000", "JP", _TOKYO),
        ("819012345678,0", "JP", _TOKYO),
        ("12065550100.0", "US", _SEATTLE),
        ("2065550100.0", "US", _SEATTLE),
        (" 12065550100.0 ", "US", _SEATTLE),
        ('"12065550100.0"', "US", _SEATTLE),
        ("'+12065550100", "US", _SEATTLE),
        ("+4915123456789.0", "DE", "4915123456789"),
        ("15123456789.0", "DE", "4915123456789"),
        ("206.555.0100", "US", _SEATTLE),
        ("1.206.555.0100", "US", _SEATTLE),
        ("04.94.12.30.00", "FR", "33494123000"),
        ("1.20655501E10", "US", ""),
        ("1.20655501e10", "US", ""),
        ("1.20655501E+10", "US", ""),
        ("+1.20655501E+10", None, ""),
        ("1,20655501E+10", "DE", ""),
        ("8.19012345678E11", "JP", ""),
        ("2.0655501E9", "US", ""),
        ("12E9", "US", ""),
        (" 4.91512E+11 ", "DE", ""),
        ("1.E10", "US", ""),
    ],
)
def test_what_a_column_of_numbers_made_of_a_phone_is_read_or_left_out(
    value: str, country: str | None, digits: str
) -> None:
    assert digits == phone_digits(value, country)


@pytest.mark.parametrize(
    ("value", "country", "digits"),
    [
        ("+52 1 55 1234 5678", "MX", _MEXICO),
        ("+5215512345678", "US", _MEXICO),
        ("+52 (1) 55 1234-5678", None, _MEXICO),
        ("0052 1 55 1234 5678", "MX", _MEXICO),
        ("00 52 1 55 1234 5678", "DE", _MEXICO),
        ("011 52 1 55 1234 5678", "US", _MEXICO),
        ("5215512345678", "MX", _MEXICO),
        ("044 55 1234 5678", "MX", _MEXICO),
        ("(045) 55 1234 5678", "MX", _MEXICO),
        ("01 55 1234 5678", "MX", _MEXICO),
        ("01-55-1234-5678", "MX", _MEXICO),
        ("+52 01 55 1234 5678", None, _MEXICO),
        ("+52 044 55 1234 5678", "MX", _MEXICO),
        ("+52 55 1234 5678", "MX", _MEXICO),
        ("55 1234 5678", "MX", _MEXICO),
        ("5215512345678.0", "MX", _MEXICO),
        ("01 800 123 4567", "MX", "528001234567"),
        ("1 646 555 1234", "MX", ""),  # rather of the United States
        ("044 55 1234 567", "MX", ""),
        ("+52 1 55 1234 56789", "MX", ""),
        ("044 55 1234 5678", "US", ""),
    ],
)
def test_what_was_dialled_in_mexico_until_2019_is_no_part_of_a_number(
    value: str, country: str | None, digits: str
) -> None:
    assert digits == phone_digits(value, country)


@pytest.mark.parametrize("country", sorted(_CODES))
def test_what_nobody_can_be_called_under_is_left_out(country: str) -> None:
    code = _CODES[country]
    for national in ("0000000000", "000000000", "00000000", "0000000", "1111111111", "0123456789"):
        for value in (national, f"+{code} {national}", f"{national[:3]}-{national[3:]}"):
            digits = phone_digits(value, country)
            assert not digits or phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))


@pytest.mark.parametrize(
    ("value", "country"),
    [
        ("0000000000", "US"), ("000-000-0000", "US"), ("+1 000 000 0000", None),
        ("(000) 000-0000", "CA"), ("1111111111", "US"), ("111-111-1111", "US"),
        ("5555555555", "US"), ("555-555-5555", "US"), ("+15555555555", "US"),
        ("9999999999", "US"), ("+1 (999) 999-9999", "US"), ("1234567890", "US"),
        ("123-456-7890", "US"), ("+1 123 456 7890", "US"), ("0123456789", "US"),
        ("00000000", "SG"), ("000000000", "ES"), ("+49 0000000000", "DE"), ("0000000000", "IT"),
        ("0000000000", "MX"), ("0000000000.0", "US"), ("1111111111", "BR"), ("00000000000", "JP"),
    ],
)  # fmt: skip
def test_a_made_up_number_is_left_out(value: str, country: str | None) -> None:
    assert phone_digits(value, country) == ""


@pytest.mark.parametrize(
    ("value", "country", "digits"),
    [
        ("9999999999", "IN", "919999999999"),
        ("88888888", "SG", "6588888888"),
        ("2222222222", "MX", "522222222222"),
        ("9876543210", "IN", "919876543210"),
        ("+91 9876543210", "US", "919876543210"),
        ("234-567-8901", "US", "12345678901"),
        ("090-1234-5678", "JP", _TOKYO),
        ("612345678", "ES", "34612345678"),
    ],
)
def test_a_number_of_the_plan_stays_however_made_up_it_looks(
    value: str, country: str, digits: str
) -> None:
    assert digits == phone_digits(value, country)


def test_importing_the_rules_does_not_import_libphonenumber() -> None:
    code = "import sys, pipeline.identity.hashing; sys.exit('phonenumbers' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
