"""Rules that only drop characters, for names, cities, postal codes and email addresses."""

import re
from typing import Final

_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = b"0123456789"


def _all_but(kept: bytes) -> bytes:
    return bytes(set(range(256)) - set(kept))


_NO_LETTER: Final = _all_but(_LETTERS)
_NO_LETTER_OR_DIGIT: Final = _all_but(_LETTERS + _DIGITS)
_NOT_IN_EMAIL: Final = _all_but(_LETTERS + _DIGITS + b".@_-")
_ZIP_LENGTH: Final = 5


def letters(lowered: str) -> str:
    """A name with only `a-z`: accented letters are dropped, not replaced by plain ones.

    >>> letters("müller-lüdenscheidt 2")
    'mllerldenscheidt'
    """
    return lowered.encode("ascii", "ignore").translate(None, _NO_LETTER).decode()


def letters_and_digits(lowered: str) -> str:
    """A value with only `a-z` and `0-9`; the rule of most fields.

    >>> letters_and_digits("san josé, 2nd")
    'sanjos2nd'
    """
    return lowered.encode("ascii", "ignore").translate(None, _NO_LETTER_OR_DIGIT).decode()


EMAIL: Final = re.compile(rb"[^@]++@[^@.]++(?:\.[^@.]++)++")
"""One @, a name before it, and after it a domain with a dot."""


def email_characters(value: str) -> bytes:
    """An email address in small letters, with only `a-z 0-9 . @ _ -`.

    >>> email_characters(" John.Doe+tag@Example.com")
    b'john.doetag@example.com'
    """
    return value.lower().encode("ascii", "ignore").translate(None, _NOT_IN_EMAIL)


_CLEAN_EMAIL: Final = re.compile(
    r"(?!n(?:one|ull|a|oemail|omail)@|un(?:known|defined)@)"  # which may be placeholders
    r"[a-z0-9._-]++@[a-z0-9_-]++(?:\.[a-z0-9_-]++)++"
)

clean_email: Final = _CLEAN_EMAIL.fullmatch
"""Whether `EMAIL` matches, `email_characters` changes nothing, and it is no placeholder. Nearly all
addresses in small letters match, and one pattern is faster than three checks."""


def without_zip_extension(value: str, country: str | None) -> str:
    """The postal code up to its first dash, for the United States only.

    In other countries a dash is inside the code itself (`100-0001` in Japan).

    >>> without_zip_extension("98101-1234", "US")
    '98101'
    """
    return value.partition("-")[0] if country == "US" else value


def zip_digits(value: str, country: str | None) -> str:
    """The first five characters, for the United States only.

    >>> zip_digits("981011234", "US")
    '98101'
    """
    return value[:_ZIP_LENGTH] if country == "US" else value
