"""What messages are like, without showing a person: keys, encoding, fields, their types."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from pipeline.domain.reasons import Rejected
from pipeline.sources.encodings import json_values
from pipeline.sources.encodings.confluent import PREFIX_BYTES, is_framed
from pipeline.sources.encodings.schemas import Decode
from pipeline.sources.pointers import escaped, tokens, walked
from pipeline.sources.reading import SchemaNeeded, SourceMessage
from pipeline.sources.typed import kind_of

Kind = Literal["null", "JSON", "framed", "CloudEvent", "text", "binary"]

MOST_VALUES: Final = 20
_MOST_NAMES: Final = 40
_LONGEST_NAME: Final = 60
_DEEPEST: Final = 12
_MOST_FIELDS: Final = 2_000
_SHARE_OF_DIGITS: Final = 0.3
_LONGEST_HEXADECIMAL: Final = 16
_MOST_DIGITS: Final = 5
_PERSONAL: Final = frozenset(
    {
        *("email", "mail", "phone", "mobile", "name", "firstname", "lastname", "first_name"),
        *("last_name", "address", "street", "city", "postal", "zip", "birthday"),
        *("user_id", "userid", "member_id", "id", "ip"),
    }
)


@dataclass(frozen=True, slots=True)
class FieldSeen:
    """One field of the events, by its pointer; * stands for names and places that vary."""

    pointer: str
    types: Sequence[str]
    messages: int
    """How many have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a few messages are like."""

    messages: int
    values: Counter[Kind]
    schema_ids: Sequence[int]
    keys: Counter[Kind]
    headers: Counter[str]
    fields: Sequence[FieldSeen]


@dataclass(frozen=True, slots=True)
class ValuesSeen:
    """The different values at one pointer, or why they are not shown."""

    pointer: str
    values: Sequence[tuple[str, int]]
    """As JSON, with how often each was found."""
    different: int
    withheld: str | None = None


def inspected(messages: Iterable[SourceMessage], decode: Decode) -> Inspection:
    """`decode` is that of the source, or plain JSON for a topic that is none yet."""
    values: Counter[Kind] = Counter()
    keys: Counter[Kind] = Counter()
    headers: Counter[str] = Counter()
    schema_ids: set[int] = set()
    fields: dict[str, Counter[str]] = {}
    present: Counter[str] = Counter()
    count = 0
    for message in messages:
        count += 1
        values[_kind(message.value, message)] += 1
        keys[_kind(message.key, None)] += 1
        headers.update({_shown_name(name) for name, _ in message.headers})
        if message.value is not None and is_framed(message.value):
            schema_ids.add(int.from_bytes(message.value[1:PREFIX_BYTES], "big"))
        seen = set()
        for pointer, value in _fields(_decoded(message, decode)):
            if pointer in fields or len(fields) < _MOST_FIELDS:
                fields.setdefault(pointer, Counter())[kind_of(value)] += 1
                seen.add(pointer)
        present.update(seen)
    return Inspection(
        messages=count,
        values=values,
        schema_ids=sorted(schema_ids)[:MOST_VALUES],
        keys=keys,
        headers=headers,
        fields=[
            FieldSeen(pointer, [name for name, _ in types.most_common()], present[pointer])
            for pointer, types in fields.items()
        ],
    )


def values_at(messages: Iterable[SourceMessage], decode: Decode, pointer: str) -> ValuesSeen:
    """The different values at a pointer: 20 at most, and never what looks like a person's."""
    path = tokens(pointer) or ()
    if not path or _is_personal_name(path[-1]):
        return ValuesSeen(pointer, (), 0, "the name of the field is that of personal data")
    found: Counter[str] = Counter()
    for message in messages:
        value = walked(_decoded(message, decode), path)
        if isinstance(value, dict | list):
            return ValuesSeen(pointer, (), 0, "it holds objects or arrays, and no values")
        if isinstance(value, str) and looks_personal(value):
            return ValuesSeen(pointer, (), 0, "one of the values looks personal")
        found[orjson.dumps(value).decode()] += 1
    if len(found) > MOST_VALUES:
        return ValuesSeen(pointer, (), len(found), f"there are more than {MOST_VALUES}")
    return ValuesSeen(pointer, found.most_common(), len(found))


def looks_personal(text: str) -> bool:
    """Whether a text may be an id, an address, a number or a digest of somebody."""
    if "@" in text or len(text) > _LONGEST_NAME:
        return True
    letters = text.replace("-", "").replace("_", "")
    digits = sum(letter.isdigit() for letter in letters)
    is_hexadecimal = len(letters) >= _LONGEST_HEXADECIMAL and all(
        letter in "0123456789abcdefABCDEF" for letter in letters
    )
    is_numeric = digits >= _MOST_DIGITS and digits >= _SHARE_OF_DIGITS * len(letters)
    return is_hexadecimal or is_numeric or " " in text.strip()


def _is_personal_name(name: str) -> bool:
    return name.casefold().replace("-", "_") in _PERSONAL or looks_personal(name)


def _decoded(message: SourceMessage, decode: Decode) -> object:
    if message.value is None:
        return None
    value = decode(message.value)
    return None if isinstance(value, Rejected | SchemaNeeded) else value


def _kind(value: bytes | None, message: SourceMessage | None) -> Kind:
    if value is None:
        return "null"
    if is_framed(value):
        return "framed"
    try:
        value.decode()
    except UnicodeDecodeError:
        return "binary"
    document = json_values.decode(value)
    if isinstance(document, Rejected):
        return "text"
    is_binary_mode = message is not None and any(name == "ce_id" for name, _ in message.headers)
    is_event = isinstance(document, dict) and "specversion" in document
    return "CloudEvent" if is_binary_mode or is_event else "JSON"


def _fields(document: object) -> Iterator[tuple[str, object]]:
    """Every value with its pointer, objects and arrays by what is in them."""
    waiting: list[tuple[str, object, int]] = [("", document, 0)]
    while waiting:
        pointer, value, depth = waiting.pop()
        if isinstance(value, dict) and depth < _DEEPEST:
            vary = len(value) > _MOST_NAMES
            waiting.extend(
                (f"{pointer}/{'*' if vary else _shown_name(name)}", inner, depth + 1)
                for name, inner in reversed(value.items())
            )
        elif isinstance(value, list) and depth < _DEEPEST:
            waiting.extend((f"{pointer}/*", inner, depth + 1) for inner in value[:_MOST_NAMES])
        elif pointer:
            yield pointer, value


def _shown_name(name: str) -> str:
    return "*" if looks_personal(name) else escaped(name)
