"""Plain personal data ends here: normalises the fields of an identity and hashes them.

The digest is SHA-256 over UTF-8, in small hexadecimal letters (source: Amazon, "prepare data":
`abc@example.com` becomes `9eceb134...`).
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final, TypeAlias

from pipeline.core.normalize.digests import SHORTEST_DIGEST, hashed_already
from pipeline.core.normalize.fields import FIELDS, Field
from pipeline.core.normalize.letters import EMAIL, email_characters
from pipeline.core.normalize.phone import common_forms
from pipeline.core.normalize.profile import plain_normalized
from pipeline.core.normalize.tables import COUNTRIES

_Memo: TypeAlias = dict[str, str]
"""Value as written to what it becomes. Only strings on both sides, so that the garbage collector
never has to walk through it."""

_LONGEST_REMEMBERED: Final = 64  # with the number of entries it bounds the memory of a table


def hashed(field: Field, value: str, country: str | None) -> str | None:
    """The SHA-256 to send for a value, or None if the field is to be left out.

    >>> hashed("email", "abc@example.com", None)
    '9eceb13483d7f187ec014fd6d4854d1420cfc634328af85f51d0323ba8622e21'
    >>> hashed("email", "abc", None) is None
    True
    """
    digest = hashed_already(value)
    if digest is not None:
        return digest or None
    normalized = plain_normalized(field, value, country)
    return None if normalized is None else sha256(normalized.encode()).hexdigest()


_Way: TypeAlias = tuple[str, Callable[[str], str | None], Callable[[str], str]]
"""How one field of one country's records gets its hash: what the partner calls the field; what
gives the hash, or remembers it; and what is asked then, which computes and remembers it, or gives
"" if the field is left out. (A plain tuple, since only those unpack quickly.)"""


class FieldHasher:
    """Hashes as `hashed` does, quicker, and remembers what repeats.

    What it remembers is plain personal data: of names, cities, states, postal codes and the words
    of addresses at most `remembered` values of 64 characters a table (5 MB with the default), one
    table each, or one a country where the country decides; none in its repr, all gone with the
    object. A full table starts anew.

    >>> hasher = FieldHasher({field: field for field in FIELDS})
    >>> hasher.hashes({"first_name": "n/a!", "last_name": "\u674e"}, "JP").keys()
    dict_keys(['first_name'])
    """

    __slots__ = ("_memos", "_names", "_remembered", "_ways")

    def __init__(self, names: Mapping[Field, str], *, remembered: int = 16_384) -> None:
        self._names = names
        self._remembered = remembered
        self._memos: dict[str, _Memo] = {}
        self._ways: dict[str | None, dict[str, _Way]] = {}

    def hashes(self, identity: Mapping[str, str], country: str | None) -> dict[str, str]:
        """The partner's name and the hash of every usable field; empty if there is none.

        `country` is an ISO 3166 code in capitals; keys that are no field are passed over.
        """
        ways = self._ways.get(country) or self._learned_ways(country)
        hashes: dict[str, str] = {}
        for field, value in identity.items():
            if field in ways:
                name, first, then = ways[field]
                if digest := first(value) or then(value):
                    hashes[name] = digest
        return hashes

    def _learned_ways(self, country: str | None) -> dict[str, _Way]:
        ways: dict[str, _Way] = {field: self._way(field, country) for field in FIELDS}
        self._ways[country] = ways
        return ways

    def _way(self, field: Field, country: str | None) -> _Way:
        name = self._names[field]
        match field:
            case "email":
                return (name, _email_hash, _nothing)
            case "phone":
                return (name, _phone_hash(country), _nothing)
            case "address":
                return (name, self._address_hash(country), _nothing)
            case _:
                memo = self._memo(field, country)
                return (name, memo.get, self._remembered_hash(field, country, memo))

    def _memo(self, field: Field, country: str | None) -> _Memo:
        return self._memos.setdefault(_table(field, country), {})

    def _remembered_hash(
        self, field: Field, country: str | None, memo: _Memo
    ) -> Callable[[str], str]:
        def compute(value: str) -> str:
            digest = hashed(field, value, country) or ""
            if digest:
                self._remember(memo, value, digest)
            return digest

        return compute

    def _address_hash(self, country: str | None) -> Callable[[str], str]:
        words = self._memo("address", country)
        known = words.__getitem__

        def learned(word: str) -> str:
            normalized = words.get(word)
            if normalized is None:
                normalized = plain_normalized("address", word, country) or ""
                self._remember(words, word, normalized)
            return normalized

        def compute(value: str) -> str:
            if len(value) >= SHORTEST_DIGEST and (digest := hashed_already(value)) is not None:
                return digest
            spoken = value.lower().split()
            try:
                text = "".join(map(known, spoken))
            except KeyError:
                text = "".join(map(learned, spoken))
            return sha256(text.encode()).hexdigest() if text else ""

        return compute

    def _remember(self, memo: _Memo, value: str, result: str) -> None:
        if len(value) > _LONGEST_REMEMBERED:
            return
        if len(memo) >= self._remembered:
            memo.clear()
        memo[value] = result


def _table(field: Field, country: str | None) -> str:
    """Which values may share a table: those whose result does not depend on more than its name."""
    match field:
        case "first_name" | "last_name":
            return "name"
        case "postal":
            return "postal US" if country == "US" else "postal"
        case "address" | "state":
            return f"{field} {country}" if country in COUNTRIES else field
        case _:
            return field


def _nothing(value: str) -> str:
    del value
    return ""


def _email_hash(value: str) -> str:
    characters = email_characters(value)
    if EMAIL.fullmatch(characters):  # which no digest is
        return sha256(characters).hexdigest()
    return hashed_already(value) or ""


def _phone_hash(country: str | None) -> Callable[[str], str]:
    common = common_forms(country)

    def compute(value: str) -> str:
        digits = common(value)  # None for every digest, which is longer
        if digits is not None:
            return sha256(digits).hexdigest()
        return hashed("phone", value, country) or ""

    return compute
