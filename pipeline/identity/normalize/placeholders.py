"""Words that stand where nobody wrote anything, such as `N/A` and `[object Object]`.

They are nobody's name, and thousands of people share their hash: sent, they would link strangers.
So they are left out, and so are their hashes where upstream hashed them.

Some are names too. `Null`, `Test`, `Nil` and `Nan` stay where they can be one and are written like
one, with a capital and small letters; programs write `null`, `NULL`, `nan` and `NaN`. `None`
does not stay: Python writes it so.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from pipeline.identity.normalize.digests import hashed_already
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.letters import letters, letters_and_digits

# As `_bare` leaves them. Those of no field in particular come from programs, spreadsheets, forms.
_PROGRAMS: Final = "none null nil nan undefined unknown unspecified missing empty tbd tba test"
_SPREADSHEETS: Final = (
    "n/a #n/a n.a. n.a n\\a k.a. n.v.t. #null! #value! #ref! #name? xxx xxxx xxxxx"
)
_LANGUAGES: Final = "unbekannt inconnu desconocido sconosciuto onbekend"
_ANYWHERE: Final = frozenset(
    [
        *_PROGRAMS.split(), *_SPREADSHEETS.split(), *_LANGUAGES.split(), "n / a", "object object",
        "object undefined", "object null", "no data", "no value", "not available", "not applicable",
        "not provided", "not specified", "not set", "not given", "not known", "not found",
        "keine angabe",
    ]
)  # fmt: skip
_NAMES: Final = frozenset(
    ["first name", "firstname", "fname", "given name", "last name", "lastname", "lname", "surname",
     "family name", "name", "no name", "noname", "anonymous", "blank"]
)  # fmt: skip
_OF_FIELD: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {
        "email": frozenset({"email", "e mail", "no email", "noemail", "blank"}),
        "phone": frozenset({"phone", "phone number", "no phone", "blank"}),
        "first_name": _NAMES,
        "last_name": _NAMES - {"blank"},
        "address": frozenset({"address", "street address", "no address", "same", "blank"}),
        "city": frozenset({"city", "town", "no city", "blank"}),
        "state": frozenset({"state", "province", "region", "other", "blank"}),
        "postal": frozenset({"postal", "postal code", "postcode", "zip", "zip code", "blank"}),
    }
)
_REAL: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {
        "first_name": frozenset({"nan", "nil"}),
        "last_name": frozenset({"nan", "nil", "null", "test"}),
        "city": frozenset({"nan"}),
    }
)
"""Placeholders that are somebody's name, or a town, if they are written like one."""
_SHORT: Final = 4  # letters: what is shorter once cleaned, as `na` is, may be a name or a code

_NO_MAILBOXES: Final = ("none", "null", "na", "unknown", "undefined", "noemail", "nomail")
_NOBODYS_EMAILS: Final = frozenset(f"{name}@{name}.com" for name in _NO_MAILBOXES)
_NOBODYS_PHONES: Final = tuple(
    plus + code + national
    for plus in ("", "+")
    for code in ("", "1")
    for national in ("0000000000", "1111111111", "5555555555", "1234567890")
)

_AROUND: Final = " \t\r\n\"'`()<>[]{}"
_PARTS: Final = re.compile(r"[\s_-]+")
_template: Final = re.compile(
    r"\{\{.*\}\}|\$\{.*\}|\{%.*%\}|<%.*%>|%%.*%%|\*\|.*\|\*", re.DOTALL
).fullmatch  # what a template of a mail or a form was to fill in


def is_placeholder(field: Field, value: str) -> bool:
    """Whether the value, as it was written, is a placeholder in this field.

    Not asked of phones, which libphonenumber knows, and of addresses, where what is left in the
    end is looked at instead: see `NOBODYS`.

    >>> is_placeholder("first_name", "N/A"), is_placeholder("last_name", "Null")
    (True, False)
    """
    if field == "phone" or field == "address":
        return False
    text, bare = value.strip(), _bare(value)
    if bare in _WORDS[field]:
        return not _is_real(field, text, bare)
    return _template(text) is not None


def digest_of(field: Field, value: str) -> str | None:
    """Like `hashed_already`, and useless, "", is the digest of a placeholder, too."""
    digest = hashed_already(value)
    return "" if digest in _DIGESTS[field] else digest


def _bare(value: str) -> str:
    return " ".join(_PARTS.split(value.strip(_AROUND).casefold())).strip()


def _is_real(field: Field, text: str, bare: str) -> bool:
    if bare in _REAL.get(field, ()):
        return text[:1].isupper() and text == text.capitalize()
    # Written small, this is the name Na: the examples of the partner's rules have it so.
    return field == "last_name" and text == "n/a"


def _cleaned(field: Field) -> Iterator[str]:
    """The words of a field as its steps leave them, where they can be nothing else then.

    In addresses `#` and `no` have become `number`, and `street` has become `st`.
    """
    match field:
        case "first_name" | "last_name":
            cleaned = {letters(word) for word in _WORDS[field] if "#" not in word}
        case "city":
            cleaned = {letters_and_digits(word) for word in _WORDS[field] if "#" not in word}
        case "address":
            for word in _WORDS[field]:
                number = word.replace("#", "number").replace("no ", "number")
                yield from (letters_and_digits(word), letters_and_digits(number))
            yield "staddress"
            return
        case "email":
            yield from _NOBODYS_EMAILS
            return
        case "postal":
            yield from ("0" * length for length in range(1, 11))
            return
        case _:
            return
    yield from {word for word in cleaned - _REAL.get(field, frozenset()) if len(word) >= _SHORT}


def _spellings(field: Field) -> Iterator[str]:
    """The words of a field as upstream may have hashed them."""
    real = _REAL.get(field, ())
    for word in _WORDS[field]:
        yield from {word, word.upper()}
        if word not in real:
            yield from {word.capitalize(), word.title()}
    yield from ("[object Object]", "[object object]", "NaN", "(null)", "(none)", "<null>", "-")
    yield from NOBODYS[field]
    if field == "phone":
        yield from _NOBODYS_PHONES


_WORDS: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {field: _ANYWHERE | _OF_FIELD[field] for field in FIELDS}
)
NOBODYS: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {field: frozenset(_cleaned(field)) for field in FIELDS}
)
"""What the steps of a field must not leave."""
_DIGESTS: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {
        field: frozenset(sha256(text.encode()).hexdigest() for text in _spellings(field))
        for field in FIELDS
    }
)
