"""Shared by several formats: reads the fields of a person, and lists of identifiers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.sources.identity_fields import MOST_IDENTITIES, Identity, picked

PERSON: Final[Mapping[str, str]] = {
    **dict.fromkeys(("email", "EMAIL", "Email"), "email"),
    **dict.fromkeys(("phone", "PHONE", "Phone"), "phone"),
    **dict.fromkeys(("firstName", "first_name", "firstname", "FIRSTNAME", "FN"), "first_name"),
    **dict.fromkeys(("lastName", "last_name", "lastname", "LASTNAME", "LN"), "last_name"),
}
"""Our field of each name of a trait."""
PLACE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("street", "street1", "ADDRESS"), "address"),
    **dict.fromkeys(("city", "CITY"), "city"),
    **dict.fromkeys(("state", "stateProvince", "STATE"), "state"),
    **dict.fromkeys(("postalCode", "postal_code", "zip", "ZIP"), "postal"),
}
"""Our field of each name in an address."""
_SHA_256_DIGITS: Final = 64
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")


def inner(value: object, *names: str) -> object:
    """The value at this path of names; None if there is none."""
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def person(traits: object) -> Identity:
    """The identity in an object of traits and its inner object `address`."""
    if type(traits) is not dict:
        return {}
    found = picked(traits, PERSON)
    address = traits.get("address")
    return found if address is None else found | picked(address, PLACE)


def joined(main: Identity, more: Iterable[tuple[str, str]]) -> Sequence[Identity]:
    """The main identity, and one more for each other email address or phone number."""
    first, others = dict(main), list[Identity]()
    seen = set(first.items())
    for field, value in more:
        if field not in first:
            first[field] = value
        elif (field, value) not in seen:
            others.append({field: value})
        seen.add((field, value))
        if len(others) >= MOST_IDENTITIES:
            break
    return [first, *others] if first else others


def is_sha_256(text: str) -> bool:
    digits = text.strip()
    return len(digits) == _SHA_256_DIGITS and _HEXADECIMAL.issuperset(digits)
