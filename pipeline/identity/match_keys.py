"""Hashes email addresses and phone numbers as most partners match them: no character is dropped.

Amazon's own profile (`normalize/profile.py`) drops characters that others keep, such as the `+` of
an email address. Here an address is trimmed and put into small letters, and a phone number is E.164
with its plus. The digest is SHA-256 over UTF-8, in small hexadecimal letters.
"""

import re
from hashlib import sha256
from typing import Final

from pipeline.identity.normalize.letters import clean_email
from pipeline.identity.normalize.phone import phone_digits
from pipeline.identity.normalize.placeholders import NOBODYS, digest_of, is_placeholder

_is_address: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+").fullmatch
_address_in: Final = re.compile(r"[^@\s]@[^@\s.]+(?:\.[^@\s.]+)+").search
_number_in: Final = re.compile(
    r"(?<![0-9A-Za-z])\+[1-9](?:[ ()./-]{0,2}[0-9]){7,14}(?![0-9])"
).search
_NOBODYS_ADDRESSES: Final = NOBODYS["email"]


def email_digest(value: str) -> str | None:
    """The SHA-256 of an address in small letters; None if it is no address, or a placeholder.

    A value that upstream already hashed is taken unchanged, in any spelling of the digest.

    >>> email_digest(" Ana+news@Example.com ") == email_digest("ana+news@example.com")
    True
    >>> email_digest("nobody") is None
    True
    """
    small = value.lower()
    if clean_email(small):  # nearly all plain addresses; no digest or placeholder matches
        return sha256(small.encode()).hexdigest()
    digest = digest_of("email", value)
    if digest is not None:
        return digest or None
    address = small.strip()
    if not _is_address(address) or address in _NOBODYS_ADDRESSES or is_placeholder("email", value):
        return None
    return sha256(address.encode("utf-8", "replace")).hexdigest()


def phone_digest(value: str, country: str | None) -> str | None:
    """The SHA-256 of a phone number as E.164 with its plus; None if it cannot be a number.

    `country` is an ISO 3166 code in capitals; without it, only numbers with a plus can be read.

    >>> phone_digest("(206) 555-0100", "US")
    'b4fa1a0e9e520f7186de1a00b1b84abb55a5c7feab09e7c3b8059ca32a6abd4f'
    """
    digest = digest_of("phone", value)
    if digest is not None:
        return digest or None
    digits = phone_digits(value, country)
    return sha256(b"+" + digits.encode()).hexdigest() if digits else None


def plain_data_in(value: str) -> str | None:
    """The kind of plain personal data in a text, in words; None if none is recognised.

    A phone number without its country code cannot be recognised.

    >>> plain_data_in("Ana <ana@example.com>"), plain_data_in("tel:+1 (206) 555-0100")
    ('an email address', 'a telephone number')
    >>> plain_data_in("gold") is None
    True
    """
    if "@" in value and _address_in(value):
        return "an email address"
    return "a telephone number" if "+" in value and _number_in(value) else None
