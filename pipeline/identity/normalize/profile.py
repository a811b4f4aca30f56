"""The profile `amazon`: for each field, the steps from upstream's value to the text to hash.

The steps are data, so that one list both normalises a value and explains the steps to a person. The
source is Amazon's newest published tag (`amzn/ads-events-api-gtm-tag`), which cites Amazon's
help page on hashing, with its known mistakes corrected: phones by libphonenumber, states by exact
match, postal codes cut in the United States only, and no hash of an empty value ever.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from pipeline.identity.normalize.address import country_words, default_words, replaced
from pipeline.identity.normalize.fields import Field
from pipeline.identity.normalize.letters import (
    EMAIL,
    email_characters,
    letters,
    letters_and_digits,
    without_zip_extension,
    zip_digits,
)
from pipeline.identity.normalize.phone import phone_digits
from pipeline.identity.normalize.placeholders import NOBODYS, digest_of, is_placeholder
from pipeline.identity.normalize.state import state_code
from pipeline.identity.normalize.tables import CHARACTERS, DELIMITERS, DIRECTIONS, NUMBERS

Step: TypeAlias = tuple[str, Callable[[str, str | None], str]]
"""A description of the step, and its function: from value and country to value."""


def _whole_email(value: str, country: str | None) -> str:
    del country
    return value if EMAIL.fullmatch(value.encode("ascii", "ignore")) else ""


_TRIM: Final[Step] = ("trim", lambda value, _: value.strip())
_LOWER: Final[Step] = ("small letters", lambda value, _: value.lower())
_KEEP_LETTERS: Final[Step] = ("keep a-z", lambda value, _: letters(value))
_KEEP_BOTH: Final[Step] = ("keep a-z 0-9", lambda value, _: letters_and_digits(value))
_DEFAULT_WORDS: Final[Step] = ("words of every country", default_words)
_COUNTRY_WORDS: Final[Step] = ("words of the country", country_words)
_NAME: Final = (_TRIM, _LOWER, _KEEP_LETTERS)
_ADDRESS: Final = (
    _LOWER,
    _DEFAULT_WORDS,
    _COUNTRY_WORDS,
    ("delimiters", lambda value, _: value.translate(DELIMITERS)),
    ("directions", lambda value, _: replaced(value, DIRECTIONS)),
    ("words for number", lambda value, _: replaced(value, NUMBERS)),
    ("special characters", lambda value, _: value.translate(CHARACTERS)),
    _DEFAULT_WORDS,
    _COUNTRY_WORDS,
    _KEEP_BOTH,
)

STEPS: Final[Mapping[Field, tuple[Step, ...]]] = MappingProxyType(
    {
        "email": (
            _TRIM,
            _LOWER,
            ("keep a-z 0-9 . @ _ -", lambda value, _: email_characters(value).decode()),
            ("one @, a name and a dotted domain, or nothing", _whole_email),
        ),
        "phone": (_TRIM, ("digits of E.164, or nothing", phone_digits)),
        "first_name": _NAME,
        "last_name": _NAME,
        "address": (_TRIM, *_ADDRESS),
        "city": (_TRIM, _LOWER, _KEEP_BOTH),
        "state": (_TRIM, _LOWER, ("code of the state, or its first two letters", state_code)),
        "postal": (
            _TRIM,
            _LOWER,
            ("up to the dash (US)", without_zip_extension),
            _KEEP_BOTH,
            ("first five (US)", zip_digits),
        ),
    }
)
"""The steps for a value that is neither a digest nor a placeholder."""


def normalize(field: Field, value: str, country: str | None) -> str | None:
    """The text to hash for `value`, or None if the field must be left out.

    `country` is an ISO 3166 alpha-2 code in capitals, or None if unknown. If `value` is already a
    SHA-256, the result is the digest in small letters; it must not be hashed again.

    >>> normalize("address", "221B Baker Street", "GB"), normalize("email", "none", "GB")
    ('221bbakerst', None)
    """
    digest = digest_of(field, value)
    return plain_normalized(field, value, country) if digest is None else digest or None


def plain_normalized(field: Field, value: str, country: str | None) -> str | None:
    """Like `normalize`, for a value that is certainly not a digest."""
    if is_placeholder(field, value):
        return None
    for _, step in STEPS[field]:
        value = step(value, country)
    return None if not value or value in NOBODYS[field] else value


def address_word(word: str, country: str | None) -> str:
    """One word of an address after all `STEPS`; the joined words are the result for the address."""
    for _, step in _ADDRESS:
        word = step(word, country)
    return word
