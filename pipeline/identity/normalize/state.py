"""Turns states and provinces into the codes of Amazon's tables."""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pipeline.identity.normalize.letters import letters_and_digits
from pipeline.identity.normalize.tables import CHARACTERS, COUNTRIES

_DOTLESS: Final = {0x131: "i"}  # Unicode does not decompose this letter, unlike accented ones


def _folded(lowered: str) -> str:
    apart = unicodedata.normalize("NFD", lowered.translate(_DOTLESS))
    return letters_and_digits(apart)


def _folded_keys(states: Mapping[str, str]) -> dict[str, str]:
    return {_folded(name): code for name, code in states.items()}


_BY_COUNTRY: Final = MappingProxyType(
    {code: _folded_keys(country.states) for code, country in COUNTRIES.items()}
)
_ANYWHERE: Final = MappingProxyType(
    {name: code for states in _BY_COUNTRY.values() for name, code in states.items()}
)


def known_state(lowered: str, country: str | None) -> str | None:
    """The code of a state in the tables, without regard to accents and punctuation.

    The table of the record's country comes first, then all others, because some upstreams send the
    state of a home address with the country of a shop.

    >>> known_state("baden-württemberg", "DE"), known_state("são paulo", "BR")
    ('bw', 'sp')
    """
    own = _BY_COUNTRY.get(country, {}) if country is not None else {}
    for name in (_folded(lowered.translate(CHARACTERS)), _folded(lowered)):
        code = own.get(name) or _ANYWHERE.get(name)
        if code is not None:
            return code
    return None


def state_code(lowered: str, country: str | None) -> str:
    """The code of a known state, otherwise the first two letters or digits of the text.

    A code has one letter for some provinces of Spain and two digits in Turkey.

    >>> state_code("new york", "US"), state_code("südtirol", "IT"), state_code("madrid", "ES")
    ('ny', 'su', 'm')
    """
    known = known_state(lowered, country)
    return letters_and_digits(lowered.translate(CHARACTERS))[:2] if known is None else known
