"""Recognises placeholders: texts in place of a missing value, such as `N/A`, `[object Object]`.

Thousands of people share the hash of a placeholder, so it would link strangers. So placeholders are
left out, and so are their hashes if upstream hashed them.

Some placeholders are also names. `Null`, `Test`, `Nil` and `Nan` are kept if the field can have
such a name and they are written like one, with a capital and small letters; programs write `null`,
`NULL`, `nan` and `NaN`. `None` is not kept, because Python writes it like this.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from pipeline.identity.normalize.digests import hashed_already
from pipeline.identity.normalize.fields import FIELDS, Field
from pipeline.identity.normalize.letters import letters, letters_and_digits

# In the form that `_bare` returns. Those for every field come from programs, spreadsheets, forms.
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
"""Placeholders that are also names of people or towns, if they are written like names."""
_SHORT: Final = 4  # letters: a shorter text after cleaning, such as `na`, may be a name or a code

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
).fullmatch  # a variable that the template of a mail or a form did not fill in


def is_placeholder(field: Field, value: str) -> bool:
    """Whether the unchanged value is a placeholder in this field.

    Not used for phones, because libphonenumber refuses placeholders. Not used for addresses either:
    for them the end result is checked, see `NOBODYS`.

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
    """Like `hashed_already`, but the digest of a placeholder is also useless ("")."""
    digest = hashed_already(value)
    return "" if digest in _DIGESTS[field] else digest


def _bare(value: str) -> str:
    return " ".join(_PARTS.split(value.strip(_AROUND).casefold())).strip()


def _is_real(field: Field, text: str, bare: str) -> bool:
    if bare in _REAL.get(field, ()):
        return text[:1].isupper() and text == text.capitalize()
    # In small letters this is the name Na: the partner's own examples have it.
    return field == "last_name" and text == "n/a"


def _cleaned(field: Field) -> Iterator[str]:
    """The placeholders of a field after its steps, unless the result could be a real value.

    In addresses the steps turn `#` and `no` into `number`, and `street` into `st`.
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
    """The placeholders of a field in the spellings that upstream may have hashed."""
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
"""Results of the steps of a field that are placeholders, so that the value is left out."""
_DIGESTS: Final[Mapping[Field, frozenset[str]]] = MappingProxyType(
    {
        field: frozenset(sha256(text.encode()).hexdigest() for text in _spellings(field))
        for field in FIELDS
    }
)
