"""Phone numbers as digits with their country code, by libphonenumber or a faster way.

libphonenumber takes about 20 microseconds a number. Nearly all numbers have one of a few forms, for
which the numbering plan alone gives the result: `common_forms` handles those in half a microsecond
and leaves all others to libphonenumber. A property test checks that both always agree.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_SEPARATORS: Final = b" -.()/"
_LONGEST: Final = 64  # libphonenumber refuses very long input, which the short cut must not accept


class _Plan(NamedTuple):
    """The common forms of numbers in one country."""

    code: str
    national: str
    """A pattern of numbers without code and trunk digit; narrower than the numbering plan."""
    trunk: str = "0"
    """The digit dialled before the number inside the country; always optional."""
    abroad: str = "00"
    """The digits dialled before a country code; "": the library handles such numbers."""


# A plan has only numbers that libphonenumber does not change. They have a possible length. They
# match the plan's general pattern, because otherwise a beginning like the country code is cut off.
# With the trunk digit, they do not begin like a national prefix (GB 180020, BR 90, AU 1831) or like
# the prefix for calls abroad (JP 010).
_PLANS: Final[Mapping[str, _Plan]] = MappingProxyType(
    {
        "AE": _Plan("971", r"5\d{8}|[2-4679]\d{7}"),
        "AU": _Plan("61", r"[2-478]\d{8}", abroad="0011"),
        "BE": _Plan("32", r"4\d{8}|[1-9]\d{7}"),
        "BR": _Plan("55", r"[1-467]\d{9,10}|8\d{9,10}|9[1-9]\d{8,9}|5[0-46-9]\d{8}", abroad=""),
        "CA": _Plan("1", r"[2-9]\d{9}", trunk="1", abroad="011"),
        "DE": _Plan("49", r"[125-9]\d{6,10}|3\d{6,10}|4[0-8]\d{5,9}"),
        "EG": _Plan("20", r"1\d{9}|[24-6]\d{8}"),
        "ES": _Plan("34", r"[6-9]\d{8}", trunk=""),
        "FR": _Plan("33", r"[1-9]\d{8}"),
        "GB": _Plan("44", r"[2357-9]\d{9}|1[1-79]\d{8}"),
        "IN": _Plan("91", r"[2-9]\d{9}"),
        "IT": _Plan("39", r"3[0-8]\d{7,8}|39\d{7,8}|0[1-9]\d{6,9}", trunk=""),
        "JP": _Plan("81", r"[25-9]\d{9}|(?:1[1-9]|[2-9]\d)\d{7}", abroad="010"),
        "MX": _Plan("52", r"[2-9]\d{9}", trunk=""),
        "NL": _Plan("31", r"[124-7]\d{8}"),
        "PL": _Plan("48", r"[1-9]\d{8}", trunk=""),
        "SA": _Plan("966", r"[15]\d{8}"),
        "SE": _Plan("46", r"[1-9]\d{8}|[1-689]\d{7}"),
        "SG": _Plan("65", r"[3689]\d{7}", trunk="", abroad=""),
        "TR": _Plan("90", r"[2-5]\d{9}"),
        "US": _Plan("1", r"[2-9]\d{9}", trunk="1", abroad="011"),
    }
)


# People without a number type one digit again and again, or the digits in order. libphonenumber
# handles numbers that begin or end like that: only it knows whether such a number exists.
_COUNTED: Final = ("0123456789012345", "1234567890123456", "9876543210987654", "0987654321098765")
_BEGINS_COUNTED: Final = "|".join(counted[:7] for counted in _COUNTED)
_ENDS_REPEATED: Final = "|".join(str(digit) * 7 for digit in range(10))


def _national(plan: _Plan) -> str:
    ordinary = f"(?!{_BEGINS_COUNTED})(?:{plan.national})(?<!{_ENDS_REPEATED})"
    # A popular example in India, but also a real number.
    return f"{ordinary}|9876543210" if plan.code == "91" else ordinary


def _own_forms(plan: _Plan) -> re.Pattern[bytes]:
    before = filter(None, [plan.trunk, plan.abroad and plan.abroad + plan.code])
    return re.compile(rf"(?:{'|'.join(before)})?({_national(plan)})".encode())


def _own_with_plus(plan: _Plan) -> re.Pattern[bytes]:
    return re.compile(rf"\+{plan.code}(?:{_national(plan)})".encode())


_OWN: Final = MappingProxyType(
    {
        country: (
            plan.code.encode(),
            _own_with_plus(plan).fullmatch,
            _own_forms(plan).fullmatch,
        )
        for country, plan in _PLANS.items()
    }
)
_NOTHING: Final = re.compile(rb"(?!)").fullmatch
_NO_FORMS: Final = (b"", _NOTHING, _NOTHING)
_WITH_PLUS: Final = re.compile(
    rf"\+({'|'.join(f'{plan.code}(?:{_national(plan)})' for plan in _PLANS.values())})".encode()
)


def common_forms(country: str | None) -> Callable[[str], bytes | None]:
    """A function for one country that gives the digits of a number in a common form.

    It gives None for other forms, which libphonenumber must read.

    >>> common_forms("FR")("06 12 34 56 78"), common_forms("US")("1-800-FLOWERS")
    (b'33612345678', None)
    """
    code, own_with_plus, own = _OWN.get(country or "", _NO_FORMS)

    def common(value: str) -> bytes | None:
        if len(value) > _LONGEST or ("." in value and value[-1] == "0"):  # 12065550100.0
            return None
        digits = value.encode("ascii", "replace").translate(None, _SEPARATORS)
        if own_with_plus(digits):  # checked first: the most frequent form, and it needs no group
            return digits[1:]
        if (match := own(digits)) is not None:
            return code + match[1]
        foreign = _WITH_PLUS.fullmatch(digits)
        return None if foreign is None else foreign[1]

    return common


def _is_run(digits: str) -> bool:
    """Whether the digits are all the same, or in order."""
    is_counted = any(counted.startswith(digits) for counted in _COUNTED)
    return is_counted or digits == digits[:1] * len(digits)


_FLOATING: Final = re.compile(r"([+]?\d{7,})[.,]0+")
_EXPONENT: Final = re.compile(r"[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+")
_FROM_DEFAULT_COUNTRY: Final = 20  # of phonenumbers.CountryCodeSource, which is imported late
_MEXICO: Final = 52
_MEXICAN_HABITS: Final = re.compile(r"(?:01|04[45])1?(\d{10})")
_MEXICAN_MOBILE: Final = re.compile(r"1(\d{10})")


def possible_number(value: str, country: str | None) -> str:
    """The digits of a number that libphonenumber finds possible in `country`, or "".

    Without a country only numbers written with a plus can be read. Extensions are dropped.

    Numeric columns add `.0` to some numbers, which is dropped. They write others as
    `1.20655501E10`, which are left out, because digits may be lost. Invented numbers are left out
    too: one digit again and again, or the digits in order, unless the numbering plan has the
    number. The prefixes of Mexico until 2019 (01, 044, 045, and the 1 after +52) are dropped.

    >>> possible_number("1 800 FLOWERS", "US"), possible_number("12", "US")
    ('18003569377', '')
    >>> possible_number("819012345678.0", "JP"), possible_number("+52 1 55 1234 5678", None)
    ('819012345678', '525512345678')
    """
    import phonenumbers  # noqa: PLC0415 - heavy, and most processes that import this never need it

    written = value.strip(" \t\r\n\"'")
    if _EXPONENT.fullmatch(written):
        return ""
    if (floating := _FLOATING.fullmatch(written)) is not None:
        written = floating[1]
    try:
        number = phonenumbers.parse(written, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return ""
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _MEXICO and (kept := _without_mexican_habits(number, national)):
        number = phonenumbers.PhoneNumber(country_code=_MEXICO, national_number=int(kept))
        national = kept
    if not phonenumbers.is_possible_number(number):
        return ""
    if _is_run(national) and not phonenumbers.is_valid_number(number):
        return ""
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written.removeprefix("+")


def _without_mexican_habits(number: "PhoneNumber", national: str) -> str:
    """The ten digits after an old Mexican prefix; "" if there is no such prefix.

    A single 1 counts only after the country's code, because numbers of the United States begin
    with a 1.
    """
    if (match := _MEXICAN_HABITS.fullmatch(national)) is not None:
        return match[1]
    has_code = number.country_code_source != _FROM_DEFAULT_COUNTRY
    match = _MEXICAN_MOBILE.fullmatch(national) if has_code else None
    return "" if match is None else match[1]


def phone_digits(value: str, country: str | None) -> str:
    """The number as E.164 without its plus, or "" if it cannot be one.

    (Source: Amazon's tag and uploader leave the plus out; the country decides, where the tag
    guesses from the first digits and misreads Indian, Italian and German numbers.)

    >>> phone_digits("07911 123456", "GB"), phone_digits("+1 (206) 555-0100 ext. 7", None)
    ('447911123456', '12065550100')
    """
    common = common_forms(country)(value)
    return possible_number(value, country) if common is None else common.decode()
