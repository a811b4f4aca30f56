"""Street addresses: words become their postal abbreviations, then only letters and digits stay.

Every step changes one word at a time, in the same way at every place of an address. So the hot path
can cache single words.
"""

from collections.abc import Mapping

from pipeline.identity.normalize.tables import COUNTRIES, WORDS


def replaced(text: str, words: Mapping[str, str]) -> str:
    """The text with every known whole word replaced, and single spaces between words.

    >>> replaced("12  main street", {"street": "st"})
    '12 main st'
    """
    return " ".join([words.get(word, word) for word in text.split()])


def default_words(text: str, country: str | None) -> str:
    """The words that are abbreviated in every country.

    >>> default_words("12 baker street", "GB")
    '12 baker st'
    """
    del country
    return replaced(text, WORDS)


def country_words(text: str, country: str | None) -> str:
    """The words that are abbreviated, or spelled out, in this country.

    >>> country_words("c/ mayor", "ES")
    'calle mayor'
    """
    known = COUNTRIES.get(country) if country is not None else None
    return text if known is None else replaced(text, known.words)
