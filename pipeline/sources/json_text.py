"""JSON as upstreams write it: a byte order mark before it is no part of it."""

import codecs
from collections.abc import Sequence
from typing import Any, Final

import orjson

# UTF-32 before UTF-16, since the mark of the one begins like the mark of the other.
_ENCODINGS: Final[Sequence[tuple[bytes, str]]] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def loaded(value: bytes) -> Any:
    """What the JSON says; `orjson.JSONDecodeError` if it is none.

    Without a mark the text must be UTF-8; with one it may be UTF-16 or UTF-32, too, since
    then nothing has to be guessed.

    >>> loaded(codecs.BOM_UTF8 + b'{"action": "add"}')
    {'action': 'add'}
    """
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        # Asked only now, so that an event without a mark pays nothing for it.
        text = _without_mark(value)
        if text is None:
            raise
    return orjson.loads(text)


def _without_mark(value: bytes) -> str | None:
    """The text behind its marks; None if it has none, or is not what its mark says."""
    for mark, encoding in _ENCODINGS:
        if value.startswith(mark):
            try:
                return value.decode(encoding).lstrip("\ufeff")
            except UnicodeDecodeError:
                return None
    return None
