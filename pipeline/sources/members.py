"""What several formats say in the same way: the fields of a person, and lists of identifiers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.sources.identity_fields import MOST_IDENTITIES, Identity, picked

PERSON: Final[Mapping[str, Sequence[str]]] = {
    "email": ("email", "EMAIL", "Email"),
    "phone": ("phone", "PHONE", "Phone"),
    "first_name": ("firstName", "first_name", "firstname", "FIRSTNAME", "FN"),
    "last_name": ("lastName", "last_name", "lastname", "LASTNAME", "LN"),
}
PLACE: Final[Mapping[str, Sequence[str]]] = {
    "address": ("street", "street1", "ADDRESS"),
    "city": ("city", "CITY"),
    "state": ("state", "stateProvince", "STATE"),
    "postal": ("postalCode", "postal_code", "zip", "ZIP"),
}
_SHA_256_DIGITS: Final = 64
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")


def inner(value: object, *names: str) -> object:
    """What stands there, name by name; None where nothing does."""
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def person(traits: object) -> Identity:
    """The fields of an object of traits that has an `address` object in it."""
    return picked(traits, PERSON) | picked(inner(traits, "address"), PLACE)


def joined(main: Identity, more: Iterable[tuple[str, str]]) -> Sequence[Identity]:
    """One identity, and one more for each other e-mail address or phone number."""
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
