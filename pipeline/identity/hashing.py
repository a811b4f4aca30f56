"""Normalises the fields of an identity and hashes them; no plain personal data goes further.

The digest is SHA-256 over UTF-8, in small hexadecimal letters (source: Amazon, "prepare data":
`abc@example.com` becomes `9eceb134...`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from operator import itemgetter
from typing import Final, TypeAlias

from pipeline.identity.normalize.digests import SHORTEST
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.letters import clean_email
from pipeline.identity.normalize.phone import common_forms
from pipeline.identity.normalize.placeholders import NOBODYS, digest_of
from pipeline.identity.normalize.profile import address_word, plain_normalized
from pipeline.identity.normalize.tables import COUNTRIES

_NOBODYS_ADDRESSES: Final = NOBODYS["address"]
_ROOM: Final = SHORTEST - 2
_LONGEST_REMEMBERED: Final = 64  # with the number of entries it bounds the memory of a table


def hashed(field: Field, value: str, country: str | None) -> str | None:
    """The SHA-256 to send for a value, or None if the field is to be left out.

    >>> hashed("email", "abc@example.com", None)
    '9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21'
    >>> hashed("email", "abc", None) is None
    True
    """
    digest = digest_of(field, value)
    if digest is not None:
        return digest or None
    normalized = plain_normalized(field, value, country)
    return None if normalized is None else sha256(normalized.encode()).hexdigest()


_HashOf: TypeAlias = Callable[[str], str]
"""Gives the hash of a value, for one field and country; "" if the value is left out."""

_Rule: TypeAlias = Callable[[str, str | None], str]
"""Gives the hash of a value and a country; "" if the value is left out."""

_Ways: TypeAlias = Mapping[str, tuple[str, _HashOf]]
"""For each field, the partner's name of it and the function that gives its hash."""

Hashes: TypeAlias = tuple[str, ...] | dict[str, str]

IdentityHashes: TypeAlias = Callable[[Mapping[str, str]], Hashes]
"""Hashes an identity. If all fields are usable, the result is a tuple of hashes in the order of
`FIELDS`; otherwise a dict with the partner's name and the hash of every usable field.

The tuple is for speed: to fill and read a dict takes a twentieth of the hot path.
"""

HashOnce: TypeAlias = Callable[[IdentityHashes], Sequence[Hashes]]
"""Hashes the identities of one change; only once for each profile and country."""

_ALL: Final = len(FIELDS)
_every_value: Final[Callable[[Mapping[str, str]], tuple[str, ...]]] = itemgetter(*FIELDS)


def hashed_id(member: str) -> str:
    """The digest of a member's id, unchanged: ids are not normalised."""
    return sha256(member.encode("utf-8", "surrogatepass")).hexdigest()


def once_for(identities: Sequence[Mapping[str, str]]) -> HashOnce:
    """Hashes the identities of one change once for each profile and country."""
    done: dict[IdentityHashes, Sequence[Hashes]] = {}

    def hash_once(hasher: IdentityHashes) -> Sequence[Hashes]:
        hashes = done.get(hasher)
        if hashes is None:
            hashes = done[hasher] = [hasher(identity) for identity in identities]
        return hashes

    return hash_once


class _Memo(dict[str, str]):
    """A cache of at most `room` results of `answer`.

    It is a dict that fills itself, because a dict's look-up costs no Python call; the hot path
    needs that.
    """

    __slots__ = ("_answer", "_room")

    def __init__(self, answer: Callable[[str], str], room: int) -> None:
        super().__init__()
        self._answer = answer
        self._room = room

    def __missing__(self, value: str) -> str:
        """Compute and store a result; a full table is cleared, and long values are not stored."""
        answer = self._answer(value)
        if len(value) <= _LONGEST_REMEMBERED:
            if len(self) >= self._room:
                self.clear()
            # If value and result are equal, as for house numbers, one object saves half the memory.
            self[value] = value if answer == value else answer
        return answer

    def __repr__(self) -> str:
        """Show only the size, because the entries are personal data."""
        return f"<_Memo of {len(self)}>"


class FieldHasher:
    """Hashes like `hashed`, but faster, because it caches repeated values.

    The cache holds plain personal data: names, cities, states, postal codes and words of addresses.
    Each has one table, or one for each country if the country matters, with at most `remembered`
    values of 64 characters (5 MB by default). A full table is cleared. The repr shows no values.

    >>> hasher = FieldHasher({field: field for field in FIELDS})
    >>> hasher.hashes({"first_name": "n/a!", "last_name": "\u674e"}, "JP").keys()
    dict_keys(['first_name'])
    """

    __slots__ = ("_learned", "_memos", "_names", "_remembered")

    def __init__(self, names: Mapping[Field, str], *, remembered: int = 16_384) -> None:
        self._names = names
        self._remembered = remembered
        self._memos: dict[str, _Memo] = {}
        self._learned: dict[str | None, IdentityHashes] = {}

    def hashes(self, identity: Mapping[str, str], country: str | None) -> dict[str, str]:
        """The partner's name and the hash of every usable field; empty if there is none.

        `country` is an ISO 3166 code in capitals; unknown keys are ignored.
        """
        hashes = self.of_country(country)(identity)
        if isinstance(hashes, dict):
            return hashes
        return dict(zip([self._names[field] for field in FIELDS], hashes, strict=True))

    def of_country(self, country: str | None) -> IdentityHashes:
        """The function that hashes the identities of one country; keep it if you call it often."""
        return self._learned.get(country) or self._learn(country)

    def _learn(self, country: str | None) -> IdentityHashes:
        ways: _Ways = {
            field: (self._names[field], self._hash_of(field, country)) for field in FIELDS
        }
        self._learned[country] = learned = _identity_hashes(ways)
        return learned

    def _hash_of(self, field: Field, country: str | None) -> _HashOf:
        match field:
            case "email":
                return _email_hash
            case "phone":
                return _phone_hash(country)
            case "address":
                return _address_hash(self._memo(field, country, address_word))
            case _:
                return self._memo(field, country, partial(_hash_or_nothing, field)).__getitem__

    def _memo(self, field: Field, country: str | None, rule: _Rule) -> _Memo:
        def answer(value: str) -> str:
            return rule(value, country)

        return self._memos.setdefault(_table(field, country), _Memo(answer, self._remembered))


def _hash_or_nothing(field: Field, value: str, country: str | None) -> str:
    return hashed(field, value, country) or ""


def _identity_hashes(ways: _Ways) -> IdentityHashes:
    names = [ways[field][0] for field in FIELDS]
    hash_0, hash_1, hash_2, hash_3, hash_4, hash_5, hash_6, hash_7 = (
        ways[field][1] for field in FIELDS
    )

    def identity_hashes(identity: Mapping[str, str]) -> tuple[str, ...] | dict[str, str]:
        if len(identity) != _ALL:
            return _usable(identity, ways)
        try:
            a, b, c, d, e, f, g, h = _every_value(identity)
        except KeyError:
            return _usable(identity, ways)
        # Most identities have all fields, and a loop over them takes half a microsecond longer.
        a, b, c, d, e, f, g, h = hashes = (
            hash_0(a), hash_1(b), hash_2(c), hash_3(d), hash_4(e), hash_5(f), hash_6(g), hash_7(h)
        )  # fmt: skip
        if a and b and c and d and e and f and g and h:
            return hashes
        return {name: digest for name, digest in zip(names, hashes, strict=True) if digest}

    return identity_hashes


def _usable(identity: Mapping[str, str], ways: _Ways) -> dict[str, str]:
    hashes = {}
    for field, value in identity.items():
        if field in ways:
            name, hash_of = ways[field]
            if digest := hash_of(value):
                hashes[name] = digest
    return hashes


def _table(field: Field, country: str | None) -> str:
    """The name of a field's cache table; it has the country only if the result depends on it."""
    match field:
        case "postal":
            return "postal US" if country == "US" else "postal"
        case "address" | "state":
            return f"{field} {country}" if country in COUNTRIES else field
        case _:
            return field


def _email_hash(value: str) -> str:
    small = value.lower()
    if clean_email(small):  # neither a digest nor a placeholder matches this
        return sha256(small.encode()).hexdigest()
    return hashed("email", value, None) or ""


def _phone_hash(country: str | None) -> _HashOf:
    common = common_forms(country)

    def phone_hash(value: str) -> str:
        digits = common(value)  # None for every digest, which is longer
        if digits is not None:
            return sha256(digits).hexdigest()
        return hashed("phone", value, country) or ""

    return phone_hash


def _address_hash(memo: _Memo) -> _HashOf:
    normalized = memo.__getitem__

    def address_hash(value: str) -> str:
        words = value.lower().split()
        # A digest is one long word, so short addresses need no check for it.
        has_room = len(value) >= _ROOM + 2 * len(words)
        if has_room and (digest := digest_of("address", value)) is not None:
            return digest
        text = "".join(map(normalized, words))
        # Most addresses begin with a digit, but no placeholder does: this skips the slow check.
        if text < ":":
            return sha256(text.encode()).hexdigest() if text else ""
        return "" if text in _NOBODYS_ADDRESSES else sha256(text.encode()).hexdigest()

    return address_hash
