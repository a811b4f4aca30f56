"""Reads the word and state tables of `countries/*.toml`, once, when it is imported.

To correct a country, edit its file. A word under two entries of one table is refused, because only
one of the two could be used.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final, TypeAlias

_Entries: TypeAlias = Mapping[str, list[str]]


class TableError(ValueError):
    """A table file has two results for one word."""


@dataclass(frozen=True, slots=True)
class Country:
    """The rules of one country for addresses and states."""

    words: Mapping[str, str]
    """The replacement of each address word."""
    states: Mapping[str, str]
    """The code of each state, by its name as letters and digits."""


def inverted(entries: _Entries, place: str) -> Mapping[str, str]:
    """The replacement of each word; `place` names the table in the error.

    >>> dict(inverted({"st": ["street", "str"]}, "us.words"))
    {'street': 'st', 'str': 'st'}
    """
    words: dict[str, str] = {}
    for result, spellings in entries.items():
        for spelling in spellings:
            if spelling in words:
                raise TableError(f"{place}: {spelling!r} is under two entries")
            words[spelling] = result
    return MappingProxyType(words)


_FOLDER = resources.files("pipeline.identity.normalize") / "countries"
_DEFAULT = tomllib.loads((_FOLDER / "default.toml").read_text("utf-8"))


def _country(code: str) -> Country:
    name = code.lower()
    tables = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    return Country(
        words=inverted(tables.get("words", {}), f"{name}.words"),
        states=inverted(tables.get("states", {}), f"{name}.states"),
    )


WORDS: Final = inverted(_DEFAULT["words"], "default.words")
DIRECTIONS: Final = inverted(_DEFAULT["directions"], "default.directions")
NUMBERS: Final = inverted(_DEFAULT["numbers"], "default.numbers")
DELIMITERS: Final[Mapping[int, str]] = MappingProxyType(str.maketrans(_DEFAULT["delimiters"]))
CHARACTERS: Final[Mapping[int, str]] = MappingProxyType(str.maketrans(_DEFAULT["characters"]))

COUNTRIES: Final[Mapping[str, Country]] = MappingProxyType(
    {
        code: _country(code)
        for code in ("US", "CA", "DE", "FR", "IT", "ES", "MX", "BR", "NL", "TR", "GB")
    }
)
"""The countries with a file, by ISO 3166 code; all others have only the default rules."""
